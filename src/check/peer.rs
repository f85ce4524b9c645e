//! The client of a case: it keeps what it sent, and says how an answer differs.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;
use socket2::SockRef;

use super::Target;

/// How much of a text a [`Difference`] shows.
const SHOWN: usize = 60;

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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { sent, expected, received } = self;
        write!(f, "sent {sent}; expected {expected}; received {received}")
    }
}

/// A connection to the server that is checked.
pub(super) struct Peer {
    stream: TcpStream,
    patience: Duration,
    sent: Vec<u8>,
    half_closed: bool,
}

impl Peer {
    pub(super) fn connect(target: &Target) -> Result<Self, Difference> {
        let connect = || {
            let stream = TcpStream::connect_timeout(&target.address, target.patience)?;
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(target.patience))?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: io::Error| Difference {
            sent: "nothing".to_owned(),
            expected: "a connection".to_owned(),
            received: error.to_string(),
        })?;
        Ok(Peer { stream, patience: target.patience, sent: Vec::new(), half_closed: false })
    }

    /// Sends these bytes. That a server closes over them is for what is received to show.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.sent.extend_from_slice(bytes.as_ref());
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Ends the client's side.
    pub(super) fn half_close(&mut self) {
        self.half_closed = true;
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) {
        // Where it fails the connection is closed and not reset: a milder case of the same.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
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
        let mut received = vec![0; most];
        let mut count = 0;
        let deadline = Instant::now() + self.patience;
        let end = loop {
            if count == most {
                break None;
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            let wait = self.stream.set_read_timeout(Some(rest.max(Duration::from_millis(1))));
            match wait.and_then(|()| self.stream.read(&mut received[count..])) {
                Ok(0) => break Some(END.to_owned()),
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Some(self.reason(&error)),
            }
        };
        received.truncate(count);
        (received, end)
    }

    fn reason(&self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("nothing within {}", humantime::format_duration(self.patience))
            }
            ErrorKind::ConnectionReset => "a reset".to_owned(),
            _ => error.to_string(),
        }
    }

    fn difference(
        &self,
        wanted: String,
        received: &[u8],
        expected: &[u8],
        end: Option<&str>,
    ) -> Difference {
        let behind = if self.half_closed { ", then the end" } else { "" };
        Difference {
            sent: shown(&self.sent, &self.sent) + behind,
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
