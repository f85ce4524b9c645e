//! A process for each client.

use std::io;
use std::net::TcpListener;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, fork};

#[allow(unsafe_code)]
pub(super) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        // SAFETY: this process has one thread, so the child may run any code.
        if let ForkResult::Child = unsafe { fork() }? {
            let _ = super::echo(&mut stream);
            // SAFETY: ends this process at once; what there is to clean up is the parent's.
            unsafe { nix::libc::_exit(0) };
        }
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            if status.pid().is_none() {
                break;
            }
        }
    }
}
