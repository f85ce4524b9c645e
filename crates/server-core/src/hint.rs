//! What a server tells in its log of a client that speaks otherwise than it expects: neither side
//! would learn why nothing happens.

use std::time::Duration;

use protocol::Framing;
use tracing::warn;

use crate::throttle::LikeIt;

/// How long a short piece of a message may wait for its line end before the log says so.
pub const HINT_AFTER: Duration = Duration::from_secs(3);

/// A longer piece is a long message on its way.
const SHORT: usize = 1024;

/// Whether a piece of a message is such that its line end may never come.
pub(crate) fn may_lack_its_end(framing: Framing, piece: &[u8]) -> bool {
    framing == Framing::Line && (1..SHORT).contains(&piece.len())
}

/// Tells of a piece of a message that has waited for its line end, and that `more` have since the last one
/// that was told of.
pub(crate) fn tell_of_piece(piece: &[u8], more: u64) {
    match is_tls(piece) {
        true => tell_of_tls(),
        false => warn!(
            event = "hint",
            "{} bytes and no line end yet; a client without line ends needs --framing raw{}",
            piece.len(),
            LikeIt(more)
        ),
    }
}

/// Tells of what is no text, if it looks like TLS.
pub(crate) fn tell_of_refused(bytes: &[u8]) {
    if is_tls(bytes) {
        tell_of_tls();
    }
}

/// Tells of a first message that looks like a request of HTTP.
pub(crate) fn tell_of_first(message: &str) {
    if message.trim_end().ends_with(" HTTP/1.1") || message.trim_end().ends_with(" HTTP/1.0") {
        warn!(event = "hint", "this looks like HTTP; this server sends each line back as it came");
    }
}

fn tell_of_tls() {
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
