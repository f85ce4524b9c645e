use std::sync::mpsc::channel;

use crate::answers::pool::workers::{Job, start};
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, holds, right};
use crate::tasks::client::{A_WHILE, PATIENCE};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "pool/workers",
    kind: Kind::Bug,
    about: "two workers do only one job at a time, and each panic costs a worker",
    hints: [
        "How long is the lock held? A temporary value in the head of `while let` lives as long as \
         the body.",
        "Take the job in a statement of its own, and do it in the next one. `std::panic::catch_unwind` \
         keeps a panic from ending the worker.",
    ],
    tasks: &[
        Task::still("every job is done", every_job),
        Task::new("two workers do two jobs at a time", two_at_a_time),
        Task::new("a job that panics costs no worker", panics),
    ],
};

fn every_job() -> Outcome {
    let (queue, jobs) = channel::<Job>();
    let workers = start(3, jobs);
    let (done, count) = channel();
    for number in 0..100 {
        let done = done.clone();
        queue.send(Box::new(move || done.send(number).unwrap_or_default()))?;
    }
    drop((queue, done));
    for worker in workers {
        worker.join().map_err(|_| Fault::Wrong("a worker has panicked".to_owned()))?;
    }
    let mut numbers: Vec<i32> = count.iter().collect();
    numbers.sort_unstable();
    right!("jobs done, of 100", numbers.len(), 100);
    numbers.dedup();
    right!("different jobs done, of 100", numbers.len(), 100);
    Ok(())
}

fn two_at_a_time() -> Outcome {
    let (queue, jobs) = channel::<Job>();
    let _workers = start(2, jobs);
    // The first job waits for a word from the second.
    let (word, heard) = channel();
    let (done, is_done) = channel();
    queue.send(Box::new(move || {
        done.send(heard.recv_timeout(PATIENCE).is_ok()).unwrap_or_default();
    }))?;
    queue.send(Box::new(move || word.send(()).unwrap_or_default()))?;
    let alone = "the second job did not start while the first was under way";
    holds!(is_done.recv_timeout(PATIENCE + A_WHILE) == Ok(true), alone);
    Ok(())
}

fn panics() -> Outcome {
    let (queue, jobs) = channel::<Job>();
    let _workers = start(1, jobs);
    // Quietly: this panic is expected.
    queue.send(Box::new(|| std::panic::resume_unwind(Box::new(()))))?;
    let (done, is_done) = channel();
    // Fails where the only worker has gone and taken the queue with it.
    let _ = queue.send(Box::new(move || done.send(()).unwrap_or_default()));
    let gone = "a job has panicked, and the only worker did no further job";
    holds!(is_done.recv_timeout(PATIENCE).is_ok(), gone);
    Ok(())
}
