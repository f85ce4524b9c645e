use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::answers::thread::together::{Job, do_together};
use crate::exercise::{Exercise, Kind, Outcome, Task, holds, right};
use crate::tasks::client::PATIENCE;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "thread/together",
    kind: Kind::Line,
    about: "each thread is waited for before the next one starts",
    hints: [
        "`join` blocks. When is it called, and how many threads run at that moment?",
        "Start all of them first, keep their handles in a `Vec`, and join those.",
    ],
    tasks: &[
        Task::still("it comes back when all are done", all_are_done),
        Task::still("a job that panics ends alone", one_panics),
        Task::new("two jobs that wait for each other are both done", two_that_meet),
    ],
};

fn all_are_done() -> Outcome {
    let done = Arc::new(AtomicUsize::new(0));
    let job = |_| {
        let done = Arc::clone(&done);
        Box::new(move || {
            // Who does not wait for it has come back by then.
            thread::sleep(Duration::from_millis(5));
            done.fetch_add(1, Ordering::SeqCst);
        }) as Job
    };
    do_together((0..10).map(job).collect());
    right!("jobs done, of 10", done.load(Ordering::SeqCst), 10);
    Ok(())
}

fn one_panics() -> Outcome {
    let (done, is_done) = channel();
    // Quietly: this panic is expected.
    let panics = || std::panic::resume_unwind(Box::new(()));
    do_together(vec![Box::new(panics), Box::new(move || done.send(()).unwrap_or_default())]);
    holds!(is_done.recv().is_ok(), "the first job panicked, and the second was not done");
    Ok(())
}

fn two_that_meet() -> Outcome {
    // The first job waits for a word from the second.
    let (word, heard) = channel();
    let (done, is_done) = channel();
    let first = move || done.send(heard.recv_timeout(PATIENCE).is_ok()).unwrap_or_default();
    let second = move || word.send(()).unwrap_or_default();
    do_together(vec![Box::new(first), Box::new(second)]);
    let alone = "the second job did not start while the first was under way";
    holds!(is_done.recv() == Ok(true), alone);
    Ok(())
}
