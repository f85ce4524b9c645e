//! Prefork. A worker that ends has no successor.

use std::io;
use std::net::TcpListener;

use nix::unistd::{ForkResult, fork, pause};

use crate::echo;

// ANCHOR: bug
#[allow(unsafe_code)]
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    for _ in 0..2 {
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            return work(&listener);
        }
    }
    loop {
        pause(); // BUG: nobody looks whether the workers are still there
    }
}

fn work(listener: &TcpListener) -> io::Result<()> {
    loop {
        echo(&listener.accept()?.0)?; // a client's failure ends its worker
    }
}
// ANCHOR_END: bug
