//! Build a piece: a thread for each client.

use std::io;
use std::net::TcpListener;

use server_core::bare::echo;

/// Accepts clients for ever, and serves each in a thread of its own, which ends with the client.
///
/// As it stands, this thread serves them all.
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        echo(stream)?;
    }
}
