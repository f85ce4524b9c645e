//! The request to shut down: what SIGINT and SIGTERM mean to a server.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that ask a server to shut down.
pub const SHUTDOWN_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// A request to shut down, as a flag to look at. Signals belong to the process, so there is one of
/// these in it. A thread that waits is woken by a [`SelfPipe`](crate::SelfPipe).
#[derive(Debug)]
pub struct Shutdown {
    /// The signal that has come, or 0.
    signal: Arc<AtomicUsize>,
    draining: Arc<AtomicBool>,
    /// Where somebody has looked: until when open connections are served.
    drain_end: OnceLock<Instant>,
}

static SHUTDOWN: OnceLock<Shutdown> = OnceLock::new();

impl Shutdown {
    /// The process's one request. The first call installs the handlers.
    ///
    /// # Errors
    ///
    /// When a handler cannot be set up.
    pub fn get() -> io::Result<&'static Self> {
        if let Some(shutdown) = SHUTDOWN.get() {
            return Ok(shutdown);
        }
        let shutdown = Shutdown::install()?;
        Ok(SHUTDOWN.get_or_init(|| shutdown))
    }

    fn install() -> io::Result<Self> {
        let (came, draining) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for signal in SHUTDOWN_SIGNALS {
            // First, so that it acts on the second signal: a shell's status for a signal's death.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&draining))?;
            flag::register_usize(signal, Arc::clone(&came), signal.unsigned_abs() as usize)?;
        }
        Ok(Shutdown { signal: came, draining, drain_end: OnceLock::new() })
    }

    /// Whether SIGINT or SIGTERM has come.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }

    /// Says that the request was noticed: a further signal ends the process at once.
    pub fn drain_begins(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether a drain of that length is over: for a thread that computes, and notices nothing else. The
    /// first look at a request begins it: a further signal ends the process at
    /// once.
    pub(crate) fn drain_is_over(&self, longest: Duration) -> bool {
        if !self.requested() && !self.draining.load(Ordering::SeqCst) {
            return false;
        }
        self.drain_begins();
        *self.drain_end.get_or_init(|| Instant::now() + longest) <= Instant::now()
    }

    /// Lets the signal itself say that, for a process whose only thread may be blocked then.
    ///
    /// # Errors
    ///
    /// When the handler cannot be set up.
    pub(crate) fn drain_begins_on(&self, signal: i32) -> io::Result<()> {
        // Behind the handler above that looks at it, so that the first signal does not end us.
        flag::register(signal, Arc::clone(&self.draining)).map(drop)
    }

    /// Takes the request, so that [`requested`](Self::requested) tells of a further one: for a
    /// process that has more to do at its second signal than to end. Returns the status that a
    /// process ends with which this signal has ended, as a shell tells it.
    pub fn take_request(&self) -> Option<i32> {
        let signal = self.signal.swap(0, Ordering::SeqCst);
        (signal != 0).then_some(128 + i32::try_from(signal).unwrap_or_default())
    }
}
