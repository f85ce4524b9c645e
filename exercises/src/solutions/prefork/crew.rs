//! Workers that are replaced when they die.

use std::io;
use std::process::Child;
use std::time::{Duration, Instant};

/// A worker that lived for less than this died at once, and its successor starts as long after its end was seen.
pub const AT_ONCE: Duration = Duration::from_secs(1);

/// A fixed number of workers, each a process.
pub struct Crew {
    start: fn() -> io::Result<Child>,
    places: Vec<Place>,
}

/// A worker, or where one is to be.
pub enum Place {
    /// A worker, and when it started.
    Taken(Child, Instant),
    /// No worker may start here before then.
    Empty(Instant),
}

impl Crew {
    /// A crew without workers yet: the first call of `tend` starts them.
    pub fn new(workers: usize, start: fn() -> io::Result<Child>, now: Instant) -> Self {
        Crew { start, places: (0..workers).map(|_| Place::Empty(now)).collect() }
    }

    /// Starts a worker in each place that has none, and returns how many it has started. A worker that
    /// died at once has its successor `AT_ONCE` after its end was seen. Does not block.
    ///
    /// # Errors
    ///
    /// When a worker cannot be started or asked for.
    pub fn tend(&mut self, now: Instant) -> io::Result<usize> {
        let mut started = 0;
        for place in &mut self.places {
            if let Place::Taken(worker, since) = place
                && worker.try_wait()?.is_some()
            {
                let died_at_once = now.duration_since(*since) < AT_ONCE;
                *place = Place::Empty(if died_at_once { now + AT_ONCE } else { now });
            }
            if matches!(place, Place::Empty(until) if *until <= now) {
                *place = Place::Taken((self.start)()?, now);
                started += 1;
            }
        }
        Ok(started)
    }

    /// The workers that were started last, dead or alive.
    pub fn workers(&mut self) -> impl Iterator<Item = &mut Child> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Taken(worker, _) => Some(worker),
            Place::Empty(_) => None,
        })
    }
}
