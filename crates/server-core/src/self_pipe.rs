//! The self-pipe: how signals and other threads reach a thread that waits in `poll(2)`.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::low_level::pipe;

use crate::outlast;

/// A pipe from a process to itself. Its reading end is polled together with the listener, so
/// a byte that is written into the other end makes the waiting thread look again at what it waits
/// for (D. J. Bernstein's self-pipe trick).
#[derive(Debug)]
pub struct SelfPipe {
    wakeups: UnixStream,
    waker: Waker,
}

/// The writing end of a [`SelfPipe`].
#[derive(Clone, Debug)]
pub struct Waker(Arc<UnixStream>);

impl SelfPipe {
    /// A new pipe.
    ///
    /// # Errors
    ///
    /// When the process has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (wakeups, end) = UnixStream::pair()?;
        wakeups.set_nonblocking(true)?;
        end.set_nonblocking(true)?;
        Ok(SelfPipe { wakeups, waker: Waker(Arc::new(end)) })
    }

    /// What wakes the thread that waits for this pipe.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Blocks until a wake-up or `end`, whichever comes first, or a moment longer where the kernel lacks
    /// memory.
    ///
    /// # Errors
    ///
    /// Those of `poll(2)` that do not pass.
    pub fn wait(&self, end: Option<Instant>) -> io::Result<()> {
        let mut descriptor = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        match poll(&mut descriptor, poll_timeout(end)) {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.forget_wakeups();
                Ok(())
            }
            Err(error) => outlast(error.into()),
        }
    }

    /// Takes note of every wake-up so far, so that the descriptor is silent until the next.
    pub fn forget_wakeups(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.wakeups).read(&mut bytes), Ok(count) if count == bytes.len()) {}
    }

    /// The reading end, for a runtime to wait for. It does not block, and a byte comes with each
    /// wake-up.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left.
    pub fn wakeups(&self) -> io::Result<UnixStream> {
        self.wakeups.try_clone()
    }
}

impl AsFd for SelfPipe {
    /// Readable after a [`Waker::wake`] or a signal of [`Waker::wake_on`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakeups.as_fd()
    }
}

impl Waker {
    /// Wakes the waiting thread, or ends its next wait at once. Never blocks.
    pub fn wake(&self) {
        // The only failure is a full pipe, and then a wake-up is on its way already.
        let _ = (&*self.0).write(&[0]);
    }

    /// Wakes at each of these signals too, for as long as the process lives.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left, or a signal cannot be caught.
    pub fn wake_on(&self, signals: &[i32]) -> io::Result<()> {
        for signal in signals {
            pipe::register(*signal, self.0.try_clone()?)?;
        }
        Ok(())
    }
}

/// The time until `end`, rounded up, so that the last millisecond is not spent spinning.
fn poll_timeout(end: Option<Instant>) -> PollTimeout {
    end.map_or(PollTimeout::NONE, |end| {
        let rest = end.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX)
    })
}
