use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::answers::prefork::crew::{AT_ONCE, Crew};
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "prefork/crew",
    kind: Kind::Bug,
    about: "nobody looks whether a worker is still alive",
    hints: [
        "`Child::try_wait` says whether a child has ended, and does not wait for it.",
        "A `Taken` place whose worker has ended becomes `Empty`: until `now`, or until `now + AT_ONCE` \
         where the worker had lived for less than `AT_ONCE`.",
    ],
    tasks: &[
        Task::still("those who live are left alone", living),
        Task::new("the dead are replaced", replaced),
        Task::new("who dies at once has a successor later", later),
    ],
};

/// A worker that lives until it is killed, or until this task has ended.
fn start() -> io::Result<Child> {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
}

/// A crew, and when it began.
struct Three(Crew, Instant);

impl Three {
    fn new() -> Result<Self, Fault> {
        let now = Instant::now();
        let mut three = Three(Crew::new(3, start, now), now);
        three.tend_after(Duration::ZERO, 3, "there was none")?;
        Ok(three)
    }

    /// Sees this many workers start, so long after the beginning.
    fn tend_after(&mut self, time: Duration, right: usize, why: &str) -> Outcome {
        right!(format!("workers started, where {why}"), self.0.tend(self.1 + time)?, right);
        Ok(())
    }

    fn kill(&mut self, place: usize) -> Outcome {
        let worker = self.0.workers().nth(place);
        let worker = worker.ok_or_else(|| Fault::Wrong("a worker is missing".to_owned()))?;
        worker.kill()?;
        worker.wait()?;
        Ok(())
    }
}

fn living() -> Outcome {
    let mut three = Three::new()?;
    three.tend_after(Duration::ZERO, 0, "all three live")?;
    three.tend_after(2 * AT_ONCE, 0, "all three still live")
}

fn replaced() -> Outcome {
    let mut three = Three::new()?;
    three.kill(0)?;
    three.kill(2)?;
    three.tend_after(5 * AT_ONCE, 2, "two had died after five seconds")?;
    three.tend_after(5 * AT_ONCE, 0, "all three live again")
}

fn later() -> Outcome {
    let mut three = Three::new()?;
    three.kill(1)?;
    three.tend_after(AT_ONCE / 10, 0, "one had lived for a tenth of a second")?;
    three.tend_after(AT_ONCE, 0, "the pause began when its end was seen")?;
    three.tend_after(AT_ONCE / 10 + AT_ONCE, 1, "the pause is over")
}
