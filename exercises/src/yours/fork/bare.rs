//! Build a piece: a process for each client.

use std::io;
use std::net::TcpListener;

use server_core::bare::echo;

/// Accepts clients for ever, and serves each in a child of this process, which ends with the client.
/// Reaps the children that have ended whenever a client comes.
///
/// As it stands, this process serves them itself. You need `nix::unistd::fork` and
/// `nix::sys::wait::waitpid`. The fork's reason: `// SAFETY: this process has one thread, so the child
/// may run any code.`
#[allow(unsafe_code)]
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        echo(stream)?;
    }
}
