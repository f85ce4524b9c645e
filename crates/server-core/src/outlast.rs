//! Which failures of a wait to survive: of `poll`, `epoll_wait`, `io_uring_enter`.

use std::io;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

/// How long a thread rests when the kernel lacks the memory to let it wait.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Survives a failed wait, so that the caller may look again: at once after a signal, and after a pause where
/// the kernel lacks memory. Blocks for that pause.
///
/// # Errors
///
/// Any other failure: the next wait would fail too.
pub fn outlast(error: io::Error) -> io::Result<()> {
    match error.raw_os_error().map(Errno::from_raw) {
        // A handler ran, and has written its wake-up.
        Some(Errno::EINTR) => Ok(()),
        Some(Errno::ENOMEM | Errno::EAGAIN) => {
            thread::sleep(BACK_OFF);
            Ok(())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_a_pause_and_a_mistake_of_ours_is_not() {
        for error in [Errno::EINTR, Errno::ENOMEM, Errno::EAGAIN] {
            assert!(outlast(error.into()).is_ok(), "{error}");
        }
        assert!(outlast(Errno::EBADF.into()).is_err());
    }
}
