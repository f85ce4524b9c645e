//! Hints in the log on a client that does not speak as the server expects: without them neither side
//! would learn why nothing happens.

use std::time::Duration;

use protocol::Framing;
use tracing::warn;

use crate::throttle::LikeIt;

/// How long a short piece of a message may wait for its line end before the log says so.
pub(crate) const HINT_AFTER: Duration = Duration::from_secs(3);

/// A longer piece is a long message on its way.
const SHORT: usize = 1024;

/// Whether a piece of a message is such that its line end may never come.
pub(crate) fn may_lack_its_end(framing: Framing, piece: &[u8]) -> bool {
    framing == Framing::Line && (1..SHORT).contains(&piece.len())
}

/// Logs that a piece of a message waits for its line end, and that `more` like it came since the last such line.
pub(crate) fn log_piece(piece: &[u8], more: u64) {
    match is_tls(piece) {
        true => log_tls(),
        false => warn!(
            event = "hint",
            "{} bytes and no line end yet; a client without line ends needs --framing raw{}",
            piece.len(),
            LikeIt(more)
        ),
    }
}

/// Logs a hint on input that is not text, if it looks like TLS.
pub(crate) fn log_refused(bytes: &[u8]) {
    if is_tls(bytes) {
        log_tls();
    }
}

/// Logs a hint on a first message that looks like an HTTP request.
pub(crate) fn log_first(message: &str) {
    if message.trim_end().ends_with(" HTTP/1.1") || message.trim_end().ends_with(" HTTP/1.0") {
        warn!(event = "hint", "this looks like HTTP; this server sends each line back as it came");
    }
}

fn log_tls() {
    warn!(event = "hint", "this looks like TLS; this server speaks plain text");
}

/// The record that a TLS client begins with: a handshake, of a version 3.x (RFC 8446, section 5.1).
fn is_tls(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x16, 0x03])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_piece_in_line_framing_may_lack_its_end() {
        assert!(may_lack_its_end(Framing::Line, b"message 1"));
        assert!(!may_lack_its_end(Framing::Line, b""));
        assert!(!may_lack_its_end(Framing::Line, &[b'x'; SHORT]));
        assert!(!may_lack_its_end(Framing::Raw, b"message 1"));
    }

    #[test]
    fn a_client_hello_is_known_by_its_first_bytes() {
        assert!(is_tls(&[0x16, 0x03, 0x01, 0x02, 0x00]));
        assert!(!is_tls(b"text"));
    }
}
