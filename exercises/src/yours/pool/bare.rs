//! Build a piece: a queue, and a fixed number of threads that take clients from it.

use std::io;
use std::net::TcpListener;

use server_core::bare::echo;

/// Makes this many workers, each a thread. Accepts clients for ever and puts them into a queue, from which
/// each worker takes one at a time, and serves it.
///
/// As it stands, this thread serves them all. You need `crossbeam::channel`.
pub(crate) fn run(listener: &TcpListener, workers: usize) -> io::Result<()> {
    let _ = workers;
    loop {
        let (stream, _) = listener.accept()?;
        echo(stream)?;
    }
}
