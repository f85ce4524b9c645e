//! Complete a line: what a child does at the end of its job.

use std::io;
use std::process;

use nix::unistd::{ForkResult, Pid, fork};

/// Does the job in a child of this process, and returns the child's process ID. Does not wait for it.
/// The child's status is 0.
///
/// # Errors
///
/// When there is no process left.
#[allow(unsafe_code)]
pub fn in_a_child(job: impl FnOnce()) -> io::Result<Pid> {
    // SAFETY: the process has one thread, so the child may run any code.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            job();
            process::exit(0)
        }
    }
}
