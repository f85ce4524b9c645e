//! Build a piece: a fixed number of processes, made before the first client comes.

use std::io;
use std::net::TcpListener;

use server_core::bare::echo;

/// Makes this many workers, each a process, which all accept from this one listener and serve a client
/// at a time, for ever. Waits for them.
///
/// As it stands, this process serves, and makes none. You need `nix::unistd::fork` and
/// `nix::sys::wait::wait`. The fork's reason: `// SAFETY: this process has one thread, so the child may
/// run any code.`
#[allow(unsafe_code)]
pub(crate) fn run(listener: &TcpListener, workers: usize) -> io::Result<()> {
    let _ = workers;
    loop {
        let (stream, _) = listener.accept()?;
        echo(stream)?;
    }
}
