use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::answers::pool::closing::{Job, do_all};
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "pool/closing",
    kind: Kind::Line,
    about: "the workers wait for jobs that will never come",
    hints: [
        "A worker's `iter` ends when the queue is empty and has no sender. Who has a sender?",
        "`do_all` itself has one, until it returns. It can be dropped before.",
    ],
    tasks: &[Task::new("it comes back when all jobs are done", comes_back)],
};

fn comes_back() -> Outcome {
    let done = Arc::new(AtomicUsize::new(0));
    let job = |_| {
        let done = Arc::clone(&done);
        Box::new(move || {
            done.fetch_add(1, Ordering::SeqCst);
        }) as Job
    };
    do_all((0..100).map(job).collect(), 3);
    right!("jobs done, of 100", done.load(Ordering::SeqCst), 100);
    Ok(())
}
