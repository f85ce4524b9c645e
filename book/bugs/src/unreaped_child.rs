//! Fork. Nobody waits for the children that end.

use std::io;
use std::net::TcpListener;

use nix::unistd::{ForkResult, fork};

use crate::echo;

// ANCHOR: bug
#[allow(unsafe_code)]
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            let status = echo(&stream).is_err().into();
            std::process::exit(status);
        } // BUG: no wait for the child: it stays in the process table as a zombie
    }
}
// ANCHOR_END: bug
