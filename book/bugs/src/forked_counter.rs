//! Fork. Each child counts its client, in its own copy of the counter.

use std::io::{self, Write};
use std::net::TcpListener;

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork};

/// Tells each client how many there have been, and serves one at a time, for the sake of brevity.
// ANCHOR: bug
#[allow(unsafe_code)]
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    let mut clients = 0;
    loop {
        let (mut stream, _) = listener.accept()?;
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            clients += 1; // BUG: the parent's counter is another one
            let told = writeln!(stream, "you are client {clients}");
            std::process::exit(told.is_err().into());
        }
        wait()?;
    }
}
// ANCHOR_END: bug
