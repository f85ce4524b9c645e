//! The client of a case: it keeps what it sent, and says how an answer differs.

use std::fmt;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use client::probe::{self, Probe};
use serde::Serialize;

use super::Target;

/// How much of a text a [`Difference`] shows.
const SHOWN: usize = 60;

/// How long after one client the next one comes: a backlog of five must not overflow.
const PACE: Duration = Duration::from_millis(1);

/// How long nothing must move for buffers to be full.
const STILL: Duration = Duration::from_millis(200);

/// What was seen where a server does not follow a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Difference {
    /// What the client had sent on this connection.
    pub sent: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub received: String,
}

impl Difference {
    /// It, as a sentence without its full stop.
    pub fn sentence(&self) -> String {
        let Difference { sent, expected, received } = self;
        format!("The client sent {sent}, expected {expected}, and received {received}")
    }

    /// The same, seen beside these.
    pub(super) fn beside(self, they: &str) -> Self {
        Difference { sent: format!("{}, beside {they}", self.sent), ..self }
    }

    /// The server cannot be started.
    pub(super) fn of_a_start(error: &io::Error) -> Self {
        let expected = "a server that listens".to_owned();
        Difference { sent: "nothing yet".to_owned(), expected, received: error.to_string() }
    }

    /// The server cannot be looked at.
    pub(super) fn of_a_look(error: &io::Error) -> Self {
        let expected = "a look at its process".to_owned();
        Difference { sent: "nothing".to_owned(), expected, received: error.to_string() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { sent, expected, received } = self;
        write!(f, "sent {sent}; expected {expected}; received {received}")
    }
}

/// A connection to the server that is checked.
pub(super) struct Peer {
    probe: Probe,
    patience: Duration,
}

impl Peer {
    pub(super) fn connect(target: &Target) -> Result<Self, Difference> {
        let connected = Probe::connect(target.address, target.patience);
        let probe = connected.map_err(|error| Difference {
            sent: "nothing".to_owned(),
            expected: "a connection".to_owned(),
            received: error.to_string(),
        })?;
        thread::sleep(PACE);
        Ok(Peer { probe, patience: target.patience })
    }

    /// Sends these bytes. That a server closes over them is for what is received to show.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.probe.send(bytes);
    }

    /// Ends the client's side behind what was sent.
    pub(super) fn half_close(&mut self) {
        self.probe.half_close();
    }

    /// Sends without reading, until the server has taken nothing for a while.
    pub(super) fn stuff(&mut self) {
        let mut last = Instant::now();
        while last.elapsed() < STILL {
            if self.probe.stuff() > 0 {
                last = Instant::now();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) {
        self.probe.reset();
    }

    /// Receives exactly this.
    pub(super) fn expect(&mut self, expected: impl AsRef<[u8]>) -> Result<(), Difference> {
        let expected = expected.as_ref();
        let (received, end) = self.receive(expected.len());
        if received == expected {
            return Ok(());
        }
        Err(self.difference(shown(expected, &received), &received, expected, end.as_deref()))
    }

    /// Sends a message, and receives exactly that.
    pub(super) fn exchange(&mut self, message: &str) -> Result<(), Difference> {
        self.send(message);
        self.expect(message)
    }

    /// Receives exactly this, and then the end of the connection, not a reset.
    pub(super) fn expect_end(&mut self, expected: impl AsRef<[u8]>) -> Result<(), Difference> {
        let expected = expected.as_ref();
        let (received, end) = self.receive(expected.len() + 1);
        if received == expected && end.as_deref() == Some(END) {
            return Ok(());
        }
        let wanted = format!("{}, then {END}", shown(expected, &received));
        Err(self.difference(wanted, &received, expected, end.as_deref()))
    }

    /// Whether nothing comes within the patience: no byte, no end, no reset. Takes nothing away.
    pub(super) fn is_silent(&self) -> bool {
        probe::wait([&self.probe], self.patience);
        matches!(self.probe.peek(&mut [0]), Ok(None))
    }

    /// Receives one `ERROR` line with a reason, and then the end of the connection.
    pub(super) fn expect_error(&mut self) -> Result<(), Difference> {
        let (received, end) = self.receive(4096);
        let text = String::from_utf8_lossy(&received);
        let reason = text.strip_prefix("ERROR ").and_then(|text| text.strip_suffix('\n'));
        let is_reason = reason.is_some_and(|reason| !reason.is_empty() && !reason.contains('\n'));
        if is_reason && end.as_deref() == Some(END) {
            return Ok(());
        }
        let wanted = format!("\"ERROR <reason>\\n\", then {END}");
        Err(self.difference(wanted, &received, &received, end.as_deref()))
    }

    /// What comes, up to `most` bytes, and what came instead of the rest.
    fn receive(&mut self, most: usize) -> (Vec<u8>, Option<String>) {
        let (mut received, mut count) = (vec![0; most], 0);
        let deadline = Instant::now() + self.patience;
        let end = loop {
            if count == most {
                break None;
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                let patience = humantime::format_duration(self.patience);
                break Some(format!("nothing within {patience}"));
            }
            probe::wait([&self.probe], rest);
            match self.probe.look(&mut received[count..]) {
                Ok(None) => {}
                Ok(Some(0)) => break Some(END.to_owned()),
                Ok(Some(more)) => count += more,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    break Some("a reset".to_owned());
                }
                Err(error) => break Some(error.to_string()),
            }
        };
        received.truncate(count);
        (received, end)
    }

    fn difference(
        &self,
        wanted: String,
        received: &[u8],
        expected: &[u8],
        end: Option<&str>,
    ) -> Difference {
        let behind = match self.probe.has_more_to_send() {
            true => ", and the server took no more",
            false if self.probe.is_half_closed() => ", then the end",
            false => "",
        };
        Difference {
            sent: shown(self.probe.taken(), self.probe.taken()) + behind,
            expected: wanted,
            received: match end {
                Some(end) if received.is_empty() => end.to_owned(),
                Some(end) => format!("{}, then {end}", shown(received, expected)),
                None => shown(received, expected),
            },
        }
    }
}

const END: &str = "the end of the connection";

/// A text, quoted; of a long one the part around the first difference from `other`.
fn shown(text: &[u8], other: &[u8]) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    if text.len() <= SHOWN {
        return quoted(text);
    }
    let same = text.iter().zip(other).take_while(|(one, other)| one == other).count();
    let from = if same == text.len() { 0 } else { same.saturating_sub(SHOWN / 2) };
    let part = quoted(&text[from..text.len().min(from + SHOWN)]);
    format!("{} bytes, from byte {from} on {part}", text.len())
}

fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shown_where_it_differs() {
        let text = vec![b'x'; 1000];
        let mut other = text.clone();
        other[500] = b'y';
        let part = shown(&other, &text);
        assert!(part.starts_with("1000 bytes, from byte 470 on \"xxx"), "{part}");
        assert!(part.contains('y'), "{part}");
        assert_eq!(shown(b"", b"x"), "nothing");
        assert_eq!(shown(b"\xff\n", b""), r#""\xff\n""#);
    }
}
