//! Warnings at a bounded rate: what happens again and again is told once a second and not a thousand
//! times.

use std::fmt::Arguments;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::warn;

/// How often the same thing is logged, at the most.
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
    pub(crate) fn warn(&self, what: Arguments<'_>) {
        match self.passes(EPOCH.elapsed()) {
            None => {}
            Some(0) => warn!("{what}"),
            Some(count) => warn!("{what} (and {count} like it since the last line)"),
        }
    }

    /// Whether a warning at `now` is logged, and then how many were not since the last one.
    fn passes(&self, now: Duration) -> Option<u64> {
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
        assert_eq!(throttle.passes(start), Some(0));
        for millisecond in 1..1000 {
            assert_eq!(throttle.passes(start + Duration::from_millis(millisecond)), None);
        }
        assert_eq!(throttle.passes(start + INTERVAL), Some(999));
        assert_eq!(throttle.passes(start + INTERVAL), None);
        assert_eq!(throttle.passes(start + 2 * INTERVAL), Some(1));
    }
}
