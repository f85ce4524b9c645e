//! Processes made beforehand: who dies is replaced, and not a thousand times a second.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use exercises::crew::{AT_ONCE, Crew};
use exercises::right;

/// A worker that lives until it is killed, or until this test has gone.
fn start() -> io::Result<Child> {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
}

/// A crew that is killed when the test is done with it, and when it began.
struct Three(Crew, Instant);

impl Three {
    fn new() -> Self {
        let now = Instant::now();
        let mut three = Three(Crew::new(3, start, now), now);
        right!(three.tend_after(Duration::ZERO), 3, "there was none");
        three
    }

    fn tend_after(&mut self, time: Duration) -> usize {
        self.0.tend(self.1 + time).unwrap()
    }

    fn kill(&mut self, place: usize) {
        let worker = self.0.workers().nth(place).unwrap();
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}

impl Drop for Three {
    fn drop(&mut self) {
        for worker in self.0.workers() {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

#[test]
fn still_0_the_living_are_left_alone() {
    let mut three = Three::new();
    right!(three.tend_after(Duration::ZERO), 0, "all three live");
    right!(three.tend_after(2 * AT_ONCE), 0, "all three still live");
}

#[test]
fn task_1_the_dead_are_replaced() {
    let mut three = Three::new();
    three.kill(0);
    three.kill(2);
    right!(three.tend_after(5 * AT_ONCE), 2, "two had lived for five seconds");
    right!(three.tend_after(5 * AT_ONCE), 0, "all three live");
}

#[test]
fn task_2_who_dies_at_once_has_a_successor_later() {
    let mut three = Three::new();
    three.kill(1);
    right!(three.tend_after(AT_ONCE / 10), 0, "it had lived for a tenth of a second");
    right!(three.tend_after(AT_ONCE), 0, "the pause began when its end was seen");
    right!(three.tend_after(AT_ONCE / 10 + AT_ONCE), 1, "the pause is over");
}
