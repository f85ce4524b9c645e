use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::answers::pool::closing::{Job, do_all};
use crate::exercise::{Exercise, Kind, Outcome, Task, holds, right};
use crate::tasks::client::PATIENCE;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "pool/closing",
    kind: Kind::Line,
    about: "the workers wait for jobs that will never come",
    hints: [
        "A worker's `iter` ends when the queue is empty and has no sender. Who has a sender?",
        "`do_all` itself has one, until it returns. It can be dropped before.",
    ],
    tasks: &[
        Task::new("it comes back when all jobs are done", comes_back),
        Task::new("three workers do three jobs at a time", three_at_a_time),
    ],
};

fn comes_back() -> Outcome {
    let done = Arc::new(AtomicUsize::new(0));
    let job = |_| {
        let done = Arc::clone(&done);
        Box::new(move || {
            thread::sleep(Duration::from_millis(5));
            done.fetch_add(1, Ordering::SeqCst);
        }) as Job
    };
    do_all((0..100).map(job).collect(), 3);
    right!("jobs done when it came back, of 100", done.load(Ordering::SeqCst), 100);
    Ok(())
}

fn three_at_a_time() -> Outcome {
    // Each waits for a word of its neighbour, and gives one to the other.
    let (first, hears_first) = channel();
    let (second, hears_second) = channel();
    let (third, hears_third) = channel();
    let (met, has_met) = channel();
    let job = |word: Sender<()>, heard: Receiver<()>| {
        let met = met.clone();
        Box::new(move || {
            let _ = word.send(());
            let _ = met.send(heard.recv_timeout(PATIENCE).is_ok());
        }) as Job
    };
    let jobs = vec![job(first, hears_third), job(second, hears_first), job(third, hears_second)];
    do_all(jobs, 3);
    drop(met);
    holds!(has_met.iter().all(|it| it), "three workers did not do three jobs at a time");
    Ok(())
}
