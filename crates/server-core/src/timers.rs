//! Deadlines of connections, for servers that have one thread for all clients.

use std::collections::BTreeSet;
use std::time::Instant;

/// The deadlines of connections, by their keys: at most one for each.
#[derive(Debug, Default)]
pub struct Timers(BTreeSet<(Instant, usize)>);

/// A connection's place in the queue. A later deadline does not move it: the connection is looked at too early
/// then, and waits again. So each message may move the deadline, and that costs nothing.
#[derive(Debug, Default)]
pub struct Timer(Option<Instant>);

impl Timers {
    /// The first deadline.
    pub fn next(&self) -> Option<Instant> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    /// Makes the connection due at `deadline`, or earlier.
    pub fn set(&mut self, timer: &mut Timer, key: usize, deadline: Instant) {
        if timer.0.is_none_or(|queued| deadline < queued) {
            self.remove(timer, key);
            self.0.insert((deadline, key));
            timer.0 = Some(deadline);
        }
    }

    /// Removes a connection.
    pub fn remove(&mut self, timer: &mut Timer, key: usize) {
        if let Some(queued) = timer.0.take() {
            self.0.remove(&(queued, key));
        }
    }

    /// A connection whose deadline has come. It stays in the queue until it is removed.
    pub fn due(&self, now: Instant) -> Option<usize> {
        self.0.first().filter(|(deadline, _)| *deadline <= now).map(|(_, key)| *key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_is_put_off_for_nothing_and_brought_forward_at_once() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let (mut timers, mut timer) = (Timers::default(), Timer::default());
        timers.set(&mut timer, 7, at(5));
        timers.set(&mut timer, 7, at(9));
        assert_eq!(timers.next(), Some(at(5)), "it will be looked at then, and wait again");
        timers.set(&mut timer, 7, at(2));
        assert_eq!(
            (timers.next(), timers.due(at(1)), timers.due(at(2))),
            (Some(at(2)), None, Some(7))
        );
        timers.remove(&mut timer, 7);
        assert_eq!(timers.next(), None);
    }
}
