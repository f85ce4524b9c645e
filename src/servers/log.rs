//! What a server's log tells, line by line: a client cannot know whether it waits for its turn, or for a computation
//! that shares a processor with others.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// What is logged: what is usual, when a client is taken from the backlog, and every end, also in a storm of them.
const TARGETS: &str = "info,server_core::acceptor=debug,server_core::handler=debug";

/// How the message that ends a conversation is logged.
const BYE: &str = "\"Bye\"";

/// The log of a server: a file without a name, so that nothing is left behind however this process ends.
#[derive(Debug)]
pub struct ServerLog(File);

/// A line about a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, by the clock that may be set.
    pub at: SystemTime,
    /// The client.
    pub client: SocketAddr,
    /// Who serves it; nobody yet where it was just accepted.
    pub who: Option<String>,
    /// What the line says.
    pub told: Told,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The client was taken from the backlog.
    Accepted,
    /// Somebody begins to serve it.
    Connected,
    /// A message was read that is not `Bye`.
    Message,
    /// It was computed for a message, for so long, other threads' turns on the processor included.
    Computed(Duration),
    /// The connection has ended, and why.
    Closed(String),
}

impl ServerLog {
    /// Has a server write it that is not started yet.
    ///
    /// # Errors
    ///
    /// When there is no place for a file.
    pub fn of(command: &mut Command) -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        command.args(["--log-format", "json"]).env("RUST_LOG", TARGETS);
        command.stderr(file.try_clone()?);
        Ok(ServerLog(file))
    }

    /// What it tells of clients. To be read when the server has ended.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has lost lines.
    pub fn read(&self) -> io::Result<Vec<Line>> {
        let (mut file, mut text) = (&self.0, String::new());
        file.rewind()?;
        file.read_to_string(&mut text)?;
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut lines = Vec::new();
        for event in events {
            if event["event"] == "lost" {
                return Err(io::Error::other(format!("its log has lost {} lines", event["lines"])));
            }
            lines.extend(line(&event));
        }
        Ok(lines)
    }
}

fn line(event: &Value) -> Option<Line> {
    let told = match event["event"].as_str()? {
        "accepted" => Told::Accepted,
        "connected" => Told::Connected,
        "message" if event["message"] == BYE => return None,
        "message" => Told::Message,
        "computed" => Told::Computed(Duration::from_micros(event["microseconds"].as_u64()?)),
        "closed" => Told::Closed(event["why"].as_str()?.to_owned()),
        _ => return None,
    };
    let peer = event["span"]["peer"].as_str().or(event["peer"].as_str())?;
    Some(Line {
        at: humantime::parse_rfc3339(event["timestamp"].as_str()?).ok()?,
        client: peer.parse().ok()?,
        who: event["span"]["who"].as_str().map(str::to_owned),
        told,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<Line> {
        line(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_line_tells_when_for_whom_and_by_whom() {
        let found = told(
            r#"{"timestamp":"1970-01-01T00:00:01.000002Z","level":"INFO","event":"computed",
            "message":"computed for 100ms","microseconds":250000,
            "span":{"peer":"127.0.0.1:7","who":"thread 1","name":"connection"}}"#,
        );
        let expected = Line {
            at: SystemTime::UNIX_EPOCH + Duration::from_micros(1_000_002),
            client: ([127, 0, 0, 1], 7).into(),
            who: Some("thread 1".to_owned()),
            told: Told::Computed(Duration::from_millis(250)),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn who_is_accepted_is_served_by_nobody_yet() {
        let found = told(
            r#"{"timestamp":"1970-01-01T00:00:00.000000Z","level":"DEBUG","event":"accepted",
            "message":"accepted","peer":"[::1]:7"}"#,
        );
        let found = found.unwrap();
        assert_eq!((found.told, found.who), (Told::Accepted, None));
        let other = r#"{"event":"answered","span":{"peer":"127.0.0.1:7"},"timestamp":"x"}"#;
        assert_eq!(told(other), None);
    }

    #[test]
    fn bye_is_no_message() {
        let message = |text: &str| {
            let event = r#"{"timestamp":"1970-01-01T00:00:00Z","event":"message","bytes":4,"#;
            told(&format!(r#"{event}"message":"\"{text}\"","span":{{"peer":"127.0.0.1:7"}}}}"#))
        };
        assert_eq!(message("Bye"), None);
        assert_eq!(message("Bye bye").map(|it| it.told), Some(Told::Message));
    }
}
