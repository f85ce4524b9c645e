//! The clock of a recording.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// A monotonic clock, by which moments that others have told by the clock of the day are known too: a log's.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    monotonic: Instant,
    wall: SystemTime,
}

/// Somebody has set the clock of the day since the start, so that the moments of a log mean nothing.
#[derive(Debug)]
pub struct ClockWasSet;

/// By how much the two clocks may come apart. A busy machine may let that much pass between looking at one and at the
/// other.
const APART: Duration = Duration::from_millis(20);

/// How often the clocks are looked at together, for the time between is to be short.
const LOOKS: usize = 5;

impl Clock {
    /// It shows 0 now.
    pub fn start() -> Self {
        let looks = (0..LOOKS).map(|_| {
            let monotonic = Instant::now();
            let wall = SystemTime::now();
            (monotonic.elapsed(), Clock { monotonic, wall })
        });
        looks.min_by_key(|(between, _)| *between).map_or_else(
            || Clock { monotonic: Instant::now(), wall: SystemTime::now() },
            |(_, clock)| clock,
        )
    }

    /// What it shows now, in microseconds.
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// What it showed at that moment; 0 for any before its start.
    pub fn at(&self, moment: Instant) -> u64 {
        microseconds(moment.saturating_duration_since(self.monotonic))
    }

    /// The same of a moment by the clock of the day.
    pub fn at_wall(&self, moment: SystemTime) -> u64 {
        moment.duration_since(self.wall).map_or(0, microseconds)
    }

    /// Looks whether both clocks have gone alike.
    ///
    /// # Errors
    ///
    /// When the clock of the day was set meanwhile.
    pub fn check(&self) -> Result<(), ClockWasSet> {
        let now = Clock::start();
        let passed = now.monotonic - self.monotonic;
        let expected = self.wall + passed;
        let apart = now.wall.duration_since(expected).unwrap_or_else(|error| error.duration());
        if apart < APART { Ok(()) } else { Err(ClockWasSet) }
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl fmt::Display for ClockWasSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the machine's clock was set while this was recorded: record it again")
    }
}

impl std::error::Error for ClockWasSet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_by_both_clocks() {
        let clock = Clock::start();
        let later = Duration::from_millis(1500);
        assert_eq!(clock.at(clock.monotonic + later), 1_500_000);
        assert_eq!(clock.at_wall(clock.wall + later), 1_500_000);
        assert_eq!(clock.at_wall(clock.wall - later), 0);
        assert!(clock.check().is_ok());
    }

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        let clock = Clock::start();
        for wall in [clock.wall - Duration::from_secs(1), clock.wall + Duration::from_secs(1)] {
            assert!(Clock { wall, ..clock }.check().is_err());
        }
    }
}
