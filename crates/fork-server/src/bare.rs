//! A process for each client.

use std::io;
use std::net::TcpListener;
use std::process;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, fork};
use server_core::bare::echo;

#[allow(unsafe_code)]
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            let _ = echo(stream);
            process::exit(0);
        }
        // Children that have ended are zombies until their parent asks how.
        while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|it| it.pid().is_some()) {}
    }
}
