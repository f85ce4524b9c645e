//! What clients lived through: as it was played, in rows, and as it is drawn.

use std::net::SocketAddr;

use crate::results::{Place, Results, View};

/// The axes of the experiment: which client, and which of its messages.
const CLIENT: &str = "client";
const MESSAGE: &str = "message";

/// What is known of a server: its workers, where they are a fixed number, and what it does for a message.
pub(super) const WORKERS: &str = "workers";
pub(super) const WAITING: &str = "waiting for a message";
pub(super) const COMPUTING: &str = "computing for a message";

/// What is known of a client and of its messages, in seconds since all came. Before a server works on a message,
/// that waits for its turn.
const CONNECTED: &str = "connected";
const SENT: &str = "sent";
const SERVED_FROM: &str = "served from";
const ANSWERED: &str = "answered";
const LEFT: &str = "left";

/// What one client lived through, in seconds since all came.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// When its connection was established. A backlog is enough for that.
    pub(super) connected: f64,
    /// When each message was sent and answered.
    pub(super) messages: Vec<Message>,
    /// When the server had closed the connection after `Bye`.
    pub(super) left: f64,
}

/// One message on its way, in seconds since all clients came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) sent: f64,
    /// From when on the server worked on it.
    pub(super) served_from: f64,
    pub(super) answered: f64,
}

/// All clients of one server, as they are drawn.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) model: String,
    pub(super) colour: String,
    /// How many workers it has, where they are a fixed number.
    pub(super) workers: Option<f64>,
    /// How long it computes for a message, or else waits, in seconds.
    pub(super) computing: Option<f64>,
    waiting: f64,
    /// The messages of each client, in the order in which the clients were answered first.
    pub(super) clients: Vec<Vec<Message>>,
    /// When the last client had left.
    pub(super) end: f64,
}

impl Client {
    /// When its first message was answered.
    pub(super) fn first_answer(&self) -> f64 {
        self.messages.first().map_or(self.left, |message| message.answered)
    }

    /// Adds what this client of a server lived through.
    pub(super) fn add_to(&self, results: &mut Results, server: &Place, number: usize) {
        let place = server.clone().with(CLIENT, number);
        results.add_once(&place, CONNECTED, "s", self.connected);
        for (message, it) in (1_usize..).zip(&self.messages) {
            let place = place.clone().with(MESSAGE, message);
            results.add_once(&place, SENT, "s", it.sent);
            results.add_once(&place, SERVED_FROM, "s", it.served_from);
            results.add_once(&place, ANSWERED, "s", it.answered);
        }
        results.add_once(&place, LEFT, "s", self.left);
    }
}

impl Message {
    /// One that was sent and answered then. A server that worked on it for so long began to do so
    /// before the answer.
    pub(super) fn new(sent: f64, answered: f64, worked: f64) -> Self {
        Message { sent, served_from: (answered - worked).max(sent), answered }
    }

    fn of(view: &View<'_>) -> Option<Self> {
        let [sent, served_from, answered] = [SENT, SERVED_FROM, ANSWERED].map(|it| view.median(it));
        Some(Message { sent: sent?, served_from: served_from?, answered: answered? })
    }

    /// Which share of a processor it had while it was served, of a server that computes for so long.
    pub(super) fn share(&self, computing: f64) -> f64 {
        (computing / (self.answered - self.served_from)).min(1.0)
    }
}

impl Panel {
    /// One for each server that was played to.
    pub(super) fn all(results: &Results) -> Vec<Self> {
        let servers = results.servers.iter().zip(results.view().servers());
        let played = servers.filter(|(_, (_, view))| !view.is_empty());
        played.map(|(server, (_, view))| Panel::of(&server.name, &server.colour, &view)).collect()
    }

    fn of(name: &str, colour: &str, server: &View<'_>) -> Self {
        let messages = |(_, client): (_, View<'_>)| {
            client.along(MESSAGE).iter().filter_map(|(_, message)| Message::of(message)).collect()
        };
        let clients = server.along(CLIENT);
        let left = clients.iter().filter_map(|(_, client)| client.median(LEFT));
        Panel {
            model: name.to_owned(),
            colour: colour.to_owned(),
            workers: server.median(WORKERS),
            computing: server.median(COMPUTING),
            waiting: server.median(WAITING).unwrap_or_default(),
            end: left.fold(0.0, f64::max),
            clients: clients.into_iter().map(messages).collect(),
        }
    }

    /// How long a client waited for its turns, on average.
    fn mean_wait(&self) -> f64 {
        let all: f64 = self.messages().map(|message| message.served_from - message.sent).sum();
        all / self.clients.len().max(1) as f64
    }

    fn messages(&self) -> impl Iterator<Item = &Message> + Clone {
        self.clients.iter().flatten()
    }

    /// How many processors computed at a time, on average from the first computation to the end of the
    /// last; nothing where there was none.
    pub(super) fn processors(&self) -> Option<f64> {
        let begin = self.messages().map(|it| it.served_from).reduce(f64::min)?;
        let end = self.messages().map(|it| it.answered).reduce(f64::max)?;
        Some(self.computing? * self.messages().count() as f64 / (end - begin))
    }

    /// Why there is next to nothing to see of a server that was not told to work as the others were.
    pub(super) fn excuse(&self, others_compute: bool) -> Option<String> {
        let has_work = self.computing.is_some() || self.waiting > 0.0;
        (!has_work).then(|| match others_compute {
            true => format!("{} was not told to compute: only our servers can be.", self.model),
            false => format!(
                "{} was not told to wait: a bare server cannot be, nor one that runs already. In a --start \
                 command {{delay}} becomes the seconds.",
                self.model
            ),
        })
    }

    /// What the picture shows of it.
    pub(super) fn sentence(&self) -> String {
        let computing = self.processors().map_or(String::new(), |count| {
            format!("; on average the server computed for {} at a time", clients_at_a_time(count))
        });
        let messages = self.clients.first().map_or(0, Vec::len) as f64;
        let work = match self.computing {
            Some(each) => format!("{:.2} s of CPU time", each * messages),
            None => format!("{:.2} s of service", self.waiting * messages),
        };
        format!(
            "{}: {} clients, who needed {work} each, were done after {:.2} s, and stood in line for \
             {:.2} s on average{computing}.",
            self.model,
            self.clients.len(),
            self.end,
            self.mean_wait()
        )
    }
}

/// Such as `2.0 clients`.
pub(super) fn clients_at_a_time(count: f64) -> String {
    format!("{count:.1} client{}", if count < 1.05 { "" } else { "s" })
}
