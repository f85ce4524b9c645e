//! Warnings at a bounded rate: what happens a thousand times a second is logged once.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The shortest time between two warnings of the same kind.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the times in a throttle count from. A forked child has its parent's.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Logs the first warning of each interval, and with it how many there were since the last one.
/// Threads may share it, and so may processes: it is numbers only.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// Until when nothing is logged, in milliseconds.
    silent_until: AtomicU64,
    unlogged: AtomicU64,
}

impl Throttle {
    /// Whether a warning is to be logged now, and then how many were not since the last one.
    pub(crate) fn passes(&self) -> Option<u64> {
        self.passes_at(EPOCH.elapsed())
    }

    fn passes_at(&self, now: Duration) -> Option<u64> {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (until, next) =
            (self.silent_until.load(Ordering::Relaxed), milliseconds(now + INTERVAL));
        let is_first = milliseconds(now) >= until
            && self
                .silent_until
                .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_first {
            self.unlogged.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.unlogged.swap(0, Ordering::Relaxed))
    }
}

/// How many warnings there were beside the one that is logged, in words.
pub(crate) struct LikeIt(pub(crate) u64);

impl fmt::Display for LikeIt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " (and {count} like it since the last line)"),
        }
    }
}

/// Fixes what times count from, before the first fork.
pub(crate) fn start_clock() {
    LazyLock::force(&EPOCH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_an_interval_passes_and_counts_those_that_did_not() {
        let (throttle, start) = (Throttle::default(), Duration::from_secs(7));
        assert_eq!(throttle.passes_at(start), Some(0));
        for millisecond in 1..1000 {
            assert_eq!(throttle.passes_at(start + Duration::from_millis(millisecond)), None);
        }
        assert_eq!(throttle.passes_at(start + INTERVAL), Some(999));
        assert_eq!(throttle.passes_at(start + INTERVAL), None);
        assert_eq!(throttle.passes_at(start + 2 * INTERVAL), Some(1));
    }
}
