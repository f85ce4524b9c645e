//! Wait for children, without waiting.

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

/// Reaps every child of this process that has ended, and returns how many there were. Does not
/// block: children that are still alive are left alone.
pub fn reap() -> usize {
    let ended = || match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        // Some are alive and none has ended; or there are none at all (ECHILD).
        Ok(WaitStatus::StillAlive) | Err(_) => None,
        Ok(status) => Some(status),
    };
    std::iter::from_fn(ended).count()
}
