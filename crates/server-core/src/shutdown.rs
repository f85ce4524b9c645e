//! The request to shut down: what SIGINT, SIGTERM and SIGHUP mean to a server.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::{exit, register};

use crate::inherited;

/// How long after a request further signals are a part of it. `timeout(1)` signals a process and then its
/// group; a terminal and a supervisor may signal together: such a burst is one intent.
const BURST: Duration = Duration::from_millis(300);

/// A request to shut down, as a flag to look at. Signals belong to the process, so there is one of
/// these in it. A thread that waits is woken by a [`SelfPipe`](crate::SelfPipe).
///
/// A signal that comes after the burst of the first one says that its sender does not want to wait: it ends the process at once, unless the process [has children to end](Self::report_repeats).
#[derive(Debug)]
pub struct Shutdown {
    /// The signal that has come first, or 0.
    signal: AtomicI32,
    /// When it came, in milliseconds of the monotonic clock.
    came_at: AtomicU64,
    /// A signal that came after its burst, or 0.
    repeated: AtomicI32,
    reports_repeats: AtomicBool,
    /// Until when open connections are served, once a drain has begun.
    drain_end: OnceLock<Instant>,
}

static SHUTDOWN: Shutdown = Shutdown {
    signal: AtomicI32::new(0),
    came_at: AtomicU64::new(0),
    repeated: AtomicI32::new(0),
    reports_repeats: AtomicBool::new(false),
    drain_end: OnceLock::new(),
};

/// The signals that ask for a shutdown, once their handlers are installed.
static SIGNALS: OnceLock<&[i32]> = OnceLock::new();

impl Shutdown {
    /// The process's one request. The first call installs the handlers.
    ///
    /// # Errors
    ///
    /// When a handler cannot be set up.
    pub fn get() -> io::Result<&'static Self> {
        if SIGNALS.get().is_none() {
            let signals = Shutdown::signals();
            signals.iter().try_for_each(|signal| handle(*signal))?;
            let _ = SIGNALS.set(signals);
        }
        Ok(&SHUTDOWN)
    }

    /// The signals that ask for it. SIGHUP, the end of the terminal, is one unless the parent has had it
    /// ignored: that is what `nohup(1)` does.
    pub fn signals() -> &'static [i32] {
        static CHOSEN: OnceLock<&[i32]> = OnceLock::new();
        CHOSEN.get_or_init(|| match inherited::is_ignored(SIGHUP) {
            true => &[SIGINT, SIGTERM],
            false => &[SIGINT, SIGTERM, SIGHUP],
        })
    }

    /// Whether a signal has asked for it.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }

    /// Whether the end has begun: a signal has asked for it, or a drain has begun without one.
    pub fn has_begun(&self) -> bool {
        self.requested() || self.drain_end.get().is_some()
    }

    /// After a request: the status of the process as a shell shows it, 128 and the signal's number.
    pub fn status(&self) -> Option<i32> {
        status(self.signal.load(Ordering::SeqCst))
    }

    /// From here on a signal after the burst is only [reported](Self::repeated): for a process that must
    /// end its children first. Its children inherit that, and the end is their parent's to decide.
    pub fn report_repeats(&self) {
        self.reports_repeats.store(true, Ordering::SeqCst);
    }

    /// The status to end with at once, since a further signal has come after the burst.
    pub fn repeated(&self) -> Option<i32> {
        status(self.repeated.load(Ordering::SeqCst))
    }

    /// When the drain ends. The first call begins the drain, which may last for `longest`. All later calls,
    /// from any thread, return the same end.
    pub fn drain_end(&self, longest: Duration) -> Instant {
        *self.drain_end.get_or_init(|| Instant::now() + longest)
    }

    /// When the drain ends, if a shutdown was requested or a drain has begun. For a thread that computes: it
    /// notices nothing else.
    pub(crate) fn drain_end_if_begun(&self, longest: Duration) -> Option<Instant> {
        self.has_begun().then(|| self.drain_end(longest))
    }

    /// What the handler of a signal does: atomic operations, clock_gettime(2) and _exit(2).
    fn notice(&self, signal: i32) {
        let now = milliseconds();
        match self.came_at.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => self.signal.store(signal, Ordering::SeqCst),
            Err(first) if u128::from(now.saturating_sub(first)) < BURST.as_millis() => {}
            Err(_) if self.reports_repeats.load(Ordering::SeqCst) => {
                self.repeated.store(signal, Ordering::SeqCst);
            }
            Err(_) => exit(128 + signal),
        }
    }
}

fn status(signal: i32) -> Option<i32> {
    (signal != 0).then_some(128 + signal)
}

#[allow(unsafe_code)]
fn handle(signal: i32) -> io::Result<()> {
    // SAFETY: what `notice` calls is async-signal-safe: see there, and signal-safety(7).
    unsafe { register(signal, move || SHUTDOWN.notice(signal))? };
    Ok(())
}

/// The monotonic clock, which is never 0 here.
fn milliseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shutdown_since(past: Duration) -> Shutdown {
        let came_at = milliseconds().saturating_sub(past.as_millis() as u64).max(1);
        Shutdown {
            signal: AtomicI32::new(SIGTERM),
            came_at: AtomicU64::new(came_at),
            repeated: AtomicI32::new(0),
            // The other case ends the process.
            reports_repeats: AtomicBool::new(true),
            drain_end: OnceLock::new(),
        }
    }

    #[test]
    fn a_burst_of_signals_is_one_request_and_a_later_one_is_another() {
        let burst = shutdown_since(Duration::ZERO);
        burst.notice(SIGINT);
        assert_eq!((burst.status(), burst.repeated()), (Some(128 + SIGTERM), None));
        let later = shutdown_since(2 * BURST);
        later.notice(SIGINT);
        assert_eq!((later.status(), later.repeated()), (Some(128 + SIGTERM), Some(128 + SIGINT)));
    }

    #[test]
    fn a_drain_has_one_end_and_none_before_it_begins() {
        let shutdown = Shutdown { signal: AtomicI32::new(0), ..shutdown_since(Duration::ZERO) };
        assert_eq!(shutdown.drain_end_if_begun(Duration::ZERO), None);
        let end = shutdown.drain_end(Duration::from_secs(5));
        assert_eq!(shutdown.drain_end(Duration::from_secs(9)), end);
        assert_eq!(shutdown.drain_end_if_begun(Duration::ZERO), Some(end));
    }
}
