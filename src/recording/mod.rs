//! A recording: what happened to each client of some servers, event by event, and when.
//!
//! It is drawn, played on a page, and opened by other tools; whoever does so needs nothing but this. It knows nothing
//! of the lab. A file holds a line of JSON for what there is to know of the run ([`Head`]), and one for each event.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod clock;
pub mod trace;

pub use clock::{Clock, ClockWasSet};

/// The form of the files. Files of another one cannot be read.
pub const SCHEMA: u32 = 1;

/// How long a recording may last, in microseconds, and how many clients there may be.
const LONGEST: u64 = 24 * 60 * 60 * 1_000_000;
const MOST_CLIENTS: usize = 10_000;

/// What was recorded of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// What there is to know of it.
    pub head: Head,
    /// What happened: to the clients of each server in the order of time, and calls in that in which they returned.
    pub events: Vec<Event>,
}

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The form of the file: [`SCHEMA`].
    pub recording: u32,
    /// The experiment, such as `timeline`.
    pub of: String,
    /// What was typed for it.
    pub command: String,
    /// The machine and the moment.
    pub machine: String,
    /// Who took part, in the order of pictures.
    pub servers: Vec<Recorded>,
}

/// A server that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// Its colour, as SVG spells it.
    pub colour: String,
    /// Its process, the first one where there are several; none where it was not ours to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<i32>,
    /// How many workers it has, where they are a fixed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// How long it waits for a message, in microseconds.
    pub waits: u64,
    /// How much CPU time it takes for a message, in microseconds.
    pub computes: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When: microseconds of the monotonic clock since the first client asked for a connection.
    pub at: u64,
    /// The server's name.
    pub server: String,
    /// The client's number, from 1; none where it concerns no client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<usize>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. Who tells it is the client, the server's log, or the kernel; what nobody tells is no event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The client's connection is established. It waits in the backlog.
    Comes,
    /// The server has taken it from the backlog. Until it is served, it waits in the server: in its queue, or for its
    /// thread or process to be made.
    Accepted,
    /// Somebody begins to serve it: a process, a thread, a task, a loop.
    Served {
        /// Such as `worker 2, process 4711`.
        who: String,
    },
    /// The client sends a message. The first is 1.
    Asks {
        /// Which one.
        message: usize,
    },
    /// The client begins a message that never becomes whole, and sends a byte of it now and then.
    Drips,
    /// The server has read the message, and works on it.
    Taken {
        /// Which one.
        message: usize,
    },
    /// A processor computes for the message, or would if it had not others to compute for.
    Computing {
        /// Which one.
        message: usize,
        /// For how long, other threads' turns on the processor included.
        microseconds: u64,
    },
    /// The client has the answer.
    Answered {
        /// To which message.
        message: usize,
    },
    /// The connection has ended as it should.
    Ended {
        /// Why, in the server's words.
        why: String,
    },
    /// The client finds no server.
    Refused,
    /// The client's connection has broken: the server's side has died.
    Died {
        /// What told the client, such as `end of file`.
        how: String,
    },
    /// A thread or a process has made a system call.
    Call {
        /// Who.
        who: String,
        /// The call, with what matters of its arguments and its result.
        text: String,
        /// To which part of the connection's life it belongs.
        phase: String,
        /// How long it took. A tracer looked on, and that takes most of the time.
        microseconds: u64,
        /// Whether it had to wait.
        waited: bool,
        /// Whether it returned before the end.
        returned: bool,
    },
}

impl Recording {
    /// Nothing recorded yet.
    pub fn new(of: &str, servers: Vec<Recorded>) -> Self {
        let (of, command, machine) = (of.to_owned(), String::new(), String::new());
        let head = Head { recording: SCHEMA, of, command, machine, servers };
        Recording { head, events: Vec::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// One line, when it cannot be read or is no recording of this form.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
        Recording::parse(&text).with_context(|| format!("{file} is no recording of the lab"))
    }

    /// Reads the lines of a file.
    ///
    /// # Errors
    ///
    /// Says which line is wrong.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().context("it is empty")?;
        let form: Value = serde_json::from_str(first).context("line 1")?;
        match form["recording"].as_u64() {
            Some(form) => ensure!(form == u64::from(SCHEMA), "its form is {form}, not {SCHEMA}"),
            None => bail!("line 1 does not say so"),
        }
        let head: Head = serde_json::from_value(form).context("line 1")?;
        let event = |(number, line): (usize, &str)| {
            let event: Event =
                serde_json::from_str(line).with_context(|| format!("line {number}"))?;
            let is_known = head.servers.iter().any(|it| it.name == event.server);
            ensure!(is_known, "line {number}: line 1 names no server {:?}", event.server);
            event.check().with_context(|| format!("line {number}"))?;
            Ok(event)
        };
        let events = lines.map(event).collect::<anyhow::Result<_>>()?;
        let recording = Recording { head, events };
        recording.check_order()?;
        Ok(recording)
    }

    /// Whether time does not go back in what happened to the clients of a server.
    fn check_order(&self) -> anyhow::Result<()> {
        for Recorded { name, .. } in &self.head.servers {
            let events = self.of_server(name).filter(|it| it.client.is_some());
            ensure!(events.is_sorted_by_key(|it| it.at), "the time of {name} goes back");
        }
        Ok(())
    }

    /// The lines of a file.
    ///
    /// # Errors
    ///
    /// None, unless a name cannot be written as JSON.
    pub fn lines(&self) -> serde_json::Result<String> {
        let events = self.events.iter().map(serde_json::to_string);
        let lines = [serde_json::to_string(&self.head)].into_iter().chain(events);
        lines.map(|line| Ok(line? + "\n")).collect()
    }

    /// The same of one server alone.
    #[must_use]
    pub fn only(&self, server: &str) -> Self {
        let Recording { mut head, events } = self.clone();
        head.servers.retain(|it| it.name == server);
        let events = events.into_iter().filter(|it| it.server == server).collect();
        Recording { head, events }
    }

    /// A server's events, in the order of time.
    pub fn of_server<'a>(
        &'a self,
        name: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Event> + Clone {
        self.events.iter().filter(move |it| it.server == name)
    }
}

impl Event {
    /// Whether its numbers are those of a recording, and not of somebody who wants to keep a machine busy.
    fn check(&self) -> anyhow::Result<()> {
        let lasts = match self.what {
            What::Computing { microseconds, .. } | What::Call { microseconds, .. } => microseconds,
            _ => 0,
        };
        ensure!(self.at <= LONGEST && lasts <= LONGEST, "longer than a day");
        ensure!(self.client.is_none_or(|it| (1..=MOST_CLIENTS).contains(&it)), "no such client");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let server = Recorded { name: "pool".to_owned(), workers: Some(2), ..Recorded::default() };
        let mut recording = Recording::new("timeline", vec![server]);
        let whats = [
            What::Comes,
            What::Accepted,
            What::Served { who: "worker 1".to_owned() },
            What::Computing { message: 1, microseconds: 5 },
            What::Ended { why: "\"Bye\"\n".to_owned() },
        ];
        for (at, what) in (0..).zip(whats) {
            recording.events.push(Event { at, server: "pool".to_owned(), client: Some(1), what });
        }
        let text = recording.lines().unwrap();
        assert_eq!(text.lines().count(), 6);
        assert!(text.contains(r#"{"at":0,"server":"pool","client":1,"what":"comes"}"#), "{text}");
        assert_eq!(Recording::parse(&text).unwrap(), recording);
    }

    #[test]
    fn another_file_is_refused_in_a_line() {
        let wrong = |text: &str| format!("{:#}", Recording::parse(text).unwrap_err());
        assert_eq!(wrong(""), "it is empty");
        assert_eq!(wrong("{}"), "line 1 does not say so");
        assert_eq!(wrong("{\"recording\":2}"), "its form is 2, not 1");
        assert!(wrong("{\"recording\":1}").starts_with("line 1: missing field"));
        let head = Recording::new("timeline", Vec::new()).lines().unwrap();
        let stranger = r#"{"at":0,"server":"x","client":1,"what":"comes"}"#;
        assert_eq!(wrong(&(head.clone() + stranger)), "line 2: line 1 names no server \"x\"");
        assert!(wrong(&(head + r#"{"at":0,"server":"x","what":"flies"}"#)).starts_with("line 2: "));
        let server = Recorded { name: "x".to_owned(), ..Recorded::default() };
        let head = Recording::new("timeline", vec![server]).lines().unwrap();
        let event = |at: u64, client: u64| {
            format!("{{\"at\":{at},\"server\":\"x\",\"client\":{client},\"what\":\"comes\"}}\n")
        };
        assert_eq!(wrong(&(head.clone() + &event(0, 4_000_000_000))), "line 2: no such client");
        assert_eq!(wrong(&(head.clone() + &event(u64::MAX, 1))), "line 2: longer than a day");
        assert_eq!(wrong(&(head + &event(5, 1) + &event(4, 1))), "the time of x goes back");
    }
}
