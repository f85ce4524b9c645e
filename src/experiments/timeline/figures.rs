//! What is played, and what clients lived through.

use std::net::SocketAddr;
use std::time::Duration;

/// What is played to each server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How many clients come at once.
    pub(super) clients: usize,
    /// How many messages each has.
    pub(super) messages: usize,
    /// How long the server waits for each.
    pub(super) delay: Duration,
    /// How much CPU time it takes for each instead.
    pub(super) compute: Duration,
    /// How many workers a server has, where they are a fixed number.
    pub(super) workers: usize,
}

/// What one client lived through, in seconds since all came.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// When its connection was established. A backlog is enough for that.
    pub(super) connected_seconds: f64,
    /// When each message was sent and answered.
    pub(super) messages: Vec<Message>,
    /// When the server had closed the connection after `Bye`.
    pub(super) left_seconds: f64,
}

/// One message on its way, in seconds since all clients came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) sent_seconds: f64,
    /// From when on the server worked on it: before that it waited for its turn.
    pub(super) served_from_seconds: f64,
    pub(super) answered_seconds: f64,
}

/// All clients of one server.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) model: String,
    pub(super) colour: u32,
    /// How many workers it has, where they are a fixed number.
    pub(super) workers: Option<usize>,
    /// What was played to it: a bare server does no work.
    pub(super) plan: Plan,
    /// In the order in which they were answered first.
    pub(super) clients: Vec<Client>,
}

impl Message {
    /// One that was sent and answered then. A server that worked on it for so long began to do so
    /// before the answer.
    pub(super) fn new(sent_seconds: f64, answered_seconds: f64, worked: f64) -> Self {
        let served_from_seconds = (answered_seconds - worked).max(sent_seconds);
        Message { sent_seconds, served_from_seconds, answered_seconds }
    }

    /// Which share of a processor it had while it was served, of a server that computes.
    pub(super) fn share(&self, plan: &Plan) -> f64 {
        let served = self.answered_seconds - self.served_from_seconds;
        (plan.compute.as_secs_f64() / served).min(1.0)
    }
}

impl Panel {
    /// When the last client had left.
    pub(super) fn end_seconds(&self) -> f64 {
        self.clients.iter().map(|client| client.left_seconds).fold(0.0, f64::max)
    }

    /// What a client waited for its turns, on the average.
    pub(super) fn mean_wait(&self) -> f64 {
        let wait = |message: &Message| message.served_from_seconds - message.sent_seconds;
        let all = self.messages().map(wait).sum::<f64>();
        all / self.clients.len().max(1) as f64
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> + Clone {
        self.clients.iter().flat_map(|client| &client.messages)
    }

    /// How many processors computed at a time, on the average from the first computation to the end of
    /// the last; nothing where there was none.
    pub(super) fn processors(&self) -> Option<f64> {
        let begin = self.messages().map(|it| it.served_from_seconds).reduce(f64::min)?;
        let end = self.messages().map(|it| it.answered_seconds).reduce(f64::max)?;
        let computed = self.plan.compute.as_secs_f64() * self.messages().count() as f64;
        self.plan.computes().then(|| computed / (end - begin))
    }

    /// What the picture shows of it.
    pub(super) fn sentence(&self) -> String {
        let computing = self.processors().map_or(String::new(), |count| {
            format!("; on average the server computed for {} at a time", clients_at_a_time(count))
        });
        format!(
            "{}: {} clients with {} each were done after {:.2} s; on average a client waited \
             {:.2} s for its turns{computing}.",
            self.model,
            self.plan.clients,
            self.plan.work_of_a_client(),
            self.end_seconds(),
            self.mean_wait()
        )
    }
}

/// Such as `2.0 clients`.
pub(super) fn clients_at_a_time(count: f64) -> String {
    format!("{count:.1} client{}", if count < 1.05 { "" } else { "s" })
}

impl Plan {
    /// Whether the server computes, and does not wait.
    pub(super) fn computes(&self) -> bool {
        !self.compute.is_zero()
    }

    /// How long the server works on each message, and how.
    fn work(&self) -> (Duration, &'static str) {
        if self.computes() { (self.compute, "computing") } else { (self.delay, "waiting") }
    }

    /// Such as `0.30 s of waiting`.
    fn work_of_a_client(&self) -> String {
        let (each, how) = self.work();
        format!("{:.2} s of {how}", each.as_secs_f64() * self.messages as f64)
    }

    /// The same for a bare server, which does no work.
    pub(super) fn of_a_page(&self) -> Self {
        Plan { delay: Duration::ZERO, compute: Duration::ZERO, ..*self }
    }

    /// Such as `100ms of waiting`.
    pub(super) fn work_on_a_message(&self) -> String {
        let (each, how) = self.work();
        format!("{} of {how}", humantime::format_duration(each))
    }
}
