//! A fixed number of processes that take clients from one listener.

use std::io;
use std::net::TcpListener;

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork};
use server_core::bare::echo;

#[allow(unsafe_code)]
pub(crate) fn run(listener: &TcpListener, workers: usize) -> io::Result<()> {
    for _ in 0..workers {
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            loop {
                let (stream, _) = listener.accept()?;
                let _ = echo(stream);
            }
        }
    }
    while wait().is_ok() {}
    Ok(())
}
