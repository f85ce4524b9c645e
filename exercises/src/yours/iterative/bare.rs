//! Build a piece: one client after the other.

use std::io::{self, Read, Write};
use std::net::TcpListener;

/// Accepts clients, one after the other and for ever. Each is sent back what it sends, until it leaves
/// or says `Bye`, on a line of its own, which has no answer. A failure ends it all: this is the bare server, not the one that survives.
///
/// As it stands, it serves one client, with one message.
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes)?;
    stream.write_all(&bytes[..count])
}
