//! Fork. The parent keeps its copy of each connection.

use std::io;
use std::net::TcpListener;

use nix::unistd::{ForkResult, fork};

use crate::echo;

// ANCHOR: bug
#[allow(unsafe_code)]
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    let mut connections = Vec::new();
    loop {
        let (stream, _) = listener.accept()?;
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            let status = echo(&stream).is_err().into();
            std::process::exit(status);
        }
        connections.push(stream); // BUG: the connection stays open after its child has ended
    }
}
// ANCHOR_END: bug
