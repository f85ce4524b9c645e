//! What clients lived through: as it was played, in rows, and as it is drawn.

use std::time::Duration;

use crate::recording::{Event, Recorded, Recording, What};
use crate::results::{Place, Results, View};

/// The axes of the experiment: which client, and which of its messages.
const CLIENT: &str = "client";
const MESSAGE: &str = "message";

/// What is known of a server: its workers, where they are a fixed number, and what it does for a message.
const WORKERS: &str = "workers";
const WAITING: &str = "waiting for a message";
const COMPUTING: &str = "computing for a message";

/// How long a picture lasts at least, in seconds.
const SHORTEST: f64 = 1e-6;

/// What is known of a client and of its messages, in seconds since all came. Before a server works on a message,
/// that waits for its turn.
const CONNECTED: &str = "connected";
const SENT: &str = "sent";
const SERVED_FROM: &str = "served from";
const ANSWERED: &str = "answered";
const LEFT: &str = "left";

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

/// Adds what a server's clients lived through.
pub(super) fn add_to(results: &mut Results, recorded: &Recorded, recording: &Recording) {
    let server = Place::of(&recorded.name);
    results.add_once(&server, WORKERS, "", recorded.workers.map(|it| it as f64));
    let (work, each) = match recorded.computes {
        0 => (WAITING, recorded.waits),
        computes => (COMPUTING, computes),
    };
    results.add_once(&server, work, "s", seconds(each));
    let events = recording.of_server(&recorded.name);
    for number in 1..=events.clone().filter_map(|it| it.client).max().unwrap_or(0) {
        let of_client = events.clone().filter(|it| it.client == Some(number));
        let place = server.clone().with(CLIENT, number);
        let when = |is_it: fn(&What) -> bool| {
            of_client.clone().find(|it| is_it(&it.what)).map(|it| seconds(it.at))
        };
        results.add_once(&place, CONNECTED, "s", when(|it| matches!(it, What::Comes)));
        for (message, it) in (1_usize..).zip(messages(of_client.clone(), recorded.waits)) {
            let place = place.clone().with(MESSAGE, message);
            results.add_once(&place, SENT, "s", it.sent);
            results.add_once(&place, SERVED_FROM, "s", it.served_from);
            results.add_once(&place, ANSWERED, "s", it.answered);
        }
        results.add_once(&place, LEFT, "s", when(|it| matches!(it, What::Ended { .. })));
    }
}

/// The messages of a client that were answered. Where nobody tells when the server took one, it is known how long the
/// server waits for each.
fn messages<'a>(client: impl Iterator<Item = &'a Event>, waits: u64) -> Vec<Message> {
    let (mut messages, mut taken) = (Vec::new(), None);
    let mut asked = 0;
    for event in client {
        match event.what {
            What::Asks { .. } => (asked, taken) = (event.at, None),
            What::Taken { .. } | What::Computing { .. } => taken = Some(event.at),
            What::Answered { .. } => messages.push(Message {
                sent: seconds(asked),
                served_from: seconds(
                    taken.unwrap_or(event.at.saturating_sub(waits)).max(asked).min(event.at),
                ),
                answered: seconds(event.at),
            }),
            _ => {}
        }
    }
    messages
}

fn seconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64()
}

impl Message {
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
        // Where nobody has left, nothing has lasted.
        let end = left.fold(SHORTEST, f64::max);
        Panel {
            model: name.to_owned(),
            colour: colour.to_owned(),
            workers: server.median(WORKERS),
            computing: server.median(COMPUTING),
            waiting: server.median(WAITING).unwrap_or_default(),
            end,
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
