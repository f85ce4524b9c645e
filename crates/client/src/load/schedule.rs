//! When the messages of an open loop are meant to be sent.

use std::time::{Duration, Instant};

/// Messages at even intervals from a start on, whether the server keeps up or not.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    per_second: f64,
    taken: u64,
}

impl Schedule {
    pub(super) fn new(start: Instant, per_second: f64) -> Self {
        Schedule { start, per_second, taken: 0 }
    }

    /// When the next message is meant to be sent.
    pub(super) fn next(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.taken as f64 / self.per_second)
    }

    /// Takes the next message if its time has come, and returns that time.
    pub(super) fn take(&mut self, now: Instant) -> Option<Instant> {
        let next = self.next();
        (next <= now).then(|| {
            self.taken += 1;
            next
        })
    }

    /// Makes all later messages due `time` later.
    pub(super) fn put_off(&mut self, time: Duration) {
        self.start += time;
    }

    /// How many messages were taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many messages were due before `now` and were not taken.
    pub(super) fn overdue(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start).as_secs_f64();
        let due = (elapsed * self.per_second).ceil() as u64;
        due.saturating_sub(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_message_that_is_due_is_taken_once_and_in_order(
            per_second in 0.1..1e6_f64,
            steps in prop::collection::vec(0_u64..50_000, 1..20),
        ) {
            let start = Instant::now();
            let (mut schedule, mut now, mut last) = (Schedule::new(start, per_second), start, start);
            for step in steps {
                now += Duration::from_micros(step);
                let due = schedule.overdue(now);
                let mut taken = 0_u64;
                while let Some(time) = schedule.take(now) {
                    prop_assert!(last <= time && time <= now);
                    (taken, last) = (taken + 1, time);
                }
                // Where a message falls on the very instant, rounding may decide either way.
                prop_assert!(taken.abs_diff(due) <= 1, "{taken} taken, {due} due");
            }
        }
    }

    #[test]
    fn the_first_message_is_due_at_the_start_and_not_before() {
        let start = Instant::now() + Duration::from_secs(1);
        let mut schedule = Schedule::new(start, 10.0);
        assert_eq!(schedule.take(start - Duration::from_millis(1)), None);
        assert_eq!((schedule.overdue(start), schedule.take(start)), (0, Some(start)));
        assert_eq!(schedule.next(), start + Duration::from_millis(100));
        assert_eq!(schedule.overdue(start + Duration::from_millis(250)), 2);
    }
}
