//! Warnings at a bounded rate: a lack that lasts is told once a second and not a thousand times.

use std::fmt::Arguments;
use std::time::{Duration, Instant};

use tracing::warn;

/// How often a lasting lack is logged, at the most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Logs the first warning of each interval, and with it how many there were since the last one.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    logged: Option<Instant>,
    unlogged: u64,
}

impl Throttle {
    pub(crate) fn warn(&mut self, what: Arguments<'_>) {
        match self.passes(Instant::now()) {
            None => {}
            Some(0) => warn!("{what}"),
            Some(count) => warn!("{what} (and {count} like it since the last line)"),
        }
    }

    /// Whether a warning at `now` is logged, and then how many were not since the last one.
    fn passes(&mut self, now: Instant) -> Option<u64> {
        if self.logged.is_some_and(|logged| now < logged + INTERVAL) {
            self.unlogged += 1;
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_an_interval_passes_and_counts_those_that_did_not() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.passes(start), Some(0));
        for millisecond in 1..1000 {
            assert_eq!(throttle.passes(start + Duration::from_millis(millisecond)), None);
        }
        assert_eq!(throttle.passes(start + INTERVAL), Some(999));
        assert_eq!(throttle.passes(start + INTERVAL), None);
        assert_eq!(throttle.passes(start + 2 * INTERVAL), Some(1));
    }
}
