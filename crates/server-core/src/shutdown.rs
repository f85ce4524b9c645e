//! How SIGINT and SIGTERM reach a thread that waits: the self-pipe trick.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// The signals that ask a server to shut down.
pub const SHUTDOWN_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// A request to shut down, as a flag to look at and as a descriptor to wait for.
///
/// Signals belong to the process, so there is one of these in it. The signal handler writes a
/// byte into a pipe whose other end the server polls together with its listener (D. J.
/// Bernstein's self-pipe trick). The same pipe carries every other reason to look again: see
/// [`Waker`].
#[derive(Debug)]
pub struct ShutdownSignal {
    requested: Arc<AtomicBool>,
    draining: Arc<AtomicBool>,
    wakeups: UnixStream,
    waker: Waker,
}

static SIGNAL: OnceLock<ShutdownSignal> = OnceLock::new();

impl ShutdownSignal {
    /// The process's one shutdown signal. The first call installs the handlers.
    ///
    /// # Errors
    ///
    /// When the pipe or a handler cannot be set up.
    pub fn get() -> io::Result<&'static Self> {
        if let Some(signal) = SIGNAL.get() {
            return Ok(signal);
        }
        let signal = ShutdownSignal::install()?;
        Ok(SIGNAL.get_or_init(|| signal))
    }

    fn install() -> io::Result<Self> {
        let (wakeups, end) = UnixStream::pair()?;
        wakeups.set_nonblocking(true)?;
        end.set_nonblocking(true)?;
        let requested = Arc::new(AtomicBool::new(false));
        let draining = Arc::new(AtomicBool::new(false));
        for signal in SHUTDOWN_SIGNALS {
            // First, so that it acts on the second signal: a shell's status for a signal's death.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&draining))?;
            flag::register(signal, Arc::clone(&requested))?;
            pipe::register(signal, end.try_clone()?)?;
        }
        Ok(ShutdownSignal { requested, draining, wakeups, waker: Waker(Arc::new(end)) })
    }

    /// Whether this process looks out for the signals and one has come.
    pub fn was_requested() -> bool {
        SIGNAL.get().is_some_and(ShutdownSignal::requested)
    }

    /// Whether SIGINT or SIGTERM has come.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Says that the shutdown was noticed: a further signal ends the process at once.
    pub fn drain_begins(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// What wakes whoever waits for this signal.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Blocks until a signal, a wake-up or `end`, whichever comes first.
    ///
    /// # Errors
    ///
    /// Those of `poll(2)`.
    pub fn wait(&self, end: Option<Instant>) -> io::Result<()> {
        let mut descriptor = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        match poll(&mut descriptor, poll_timeout(end)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => self.forget_wakeups(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The descriptor as a stream of its own, for a runtime to wait for. It does not block, a byte
    /// comes with each wake-up, and whoever reads the bytes wakes nobody else.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left.
    pub fn wakeups(&self) -> io::Result<UnixStream> {
        self.wakeups.try_clone()
    }

    /// Takes note of every wake-up so far, so that the descriptor is silent until the next.
    pub(crate) fn forget_wakeups(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.wakeups).read(&mut bytes), Ok(count) if count == bytes.len()) {}
    }
}

impl AsFd for ShutdownSignal {
    /// Readable after a signal or a [`Waker::wake`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakeups.as_fd()
    }
}

/// Wakes the thread that polls the [`ShutdownSignal`], so that it looks again at what it waits for.
#[derive(Clone, Debug)]
pub struct Waker(Arc<UnixStream>);

impl Waker {
    /// Wakes that thread, or spares its next wait. Never blocks.
    pub fn wake(&self) {
        // The only failure is a full pipe, and then a wake-up is on its way already.
        let _ = (&*self.0).write(&[0]);
    }

    /// A descriptor that a signal handler may write its wake-ups to.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.as_fd().try_clone_to_owned()
    }
}

/// The time until `end`, rounded up, lest its last millisecond be spent spinning.
pub(crate) fn poll_timeout(end: Option<Instant>) -> PollTimeout {
    end.map_or(PollTimeout::NONE, |end| {
        let rest = end.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX)
    })
}
