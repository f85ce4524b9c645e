//! When a server computed, as its log tells it: a client cannot know whether it waits for its turn, or
//! for a computation that shares a processor with others.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

/// The log of a server: a file without a name, so that nothing is left behind however this process ends.
#[derive(Debug)]
pub struct ComputingLog(File);

/// One computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Computed {
    /// For whom.
    pub client: SocketAddr,
    /// From its beginning to its end, other threads' turns on the processor included.
    pub within: Duration,
}

impl ComputingLog {
    /// Has a server write it that is not started yet.
    ///
    /// # Errors
    ///
    /// When there is no place for a file.
    pub fn of(command: &mut Command) -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        command.args(["--log-format", "json"]).env_remove("RUST_LOG");
        command.stderr(file.try_clone()?);
        Ok(ComputingLog(file))
    }

    /// What it tells of computing, each client's computations in their order. To be read when the server has ended.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self) -> io::Result<Vec<Computed>> {
        let (mut file, mut text) = (&self.0, String::new());
        file.rewind()?;
        file.read_to_string(&mut text)?;
        Ok(text.lines().filter_map(computed).collect())
    }
}

fn computed(line: &str) -> Option<Computed> {
    let event: Value = serde_json::from_str(line).ok()?;
    if event["event"] != "computed" {
        return None;
    }
    Some(Computed {
        client: event["span"]["peer"].as_str()?.parse().ok()?,
        within: Duration::from_micros(event["microseconds"].as_u64()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_for_whom_and_how_long() {
        let line = r#"{"timestamp":"2026-11-28T14:00:00.000001Z","level":"INFO","event":"computed",
            "message":"computed for 100ms","microseconds":250000,
            "span":{"peer":"127.0.0.1:7","who":"thread 1","name":"connection"}}"#;
        let expected =
            Computed { client: ([127, 0, 0, 1], 7).into(), within: Duration::from_millis(250) };
        assert_eq!(computed(line), Some(expected));
        assert_eq!(computed(r#"{"event":"closed","span":{"peer":"127.0.0.1:7"}}"#), None);
    }
}
