//! A pool of threads: as many jobs at a time as there are workers.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::mpsc::channel;
use std::time::Duration;

use exercises::right;
use exercises::workers::{Job, start};

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn still_every_job_is_done() {
    let (queue, jobs) = channel::<Job>();
    let workers = start(3, jobs);
    let (done, count) = channel();
    for number in 0..100 {
        let done = done.clone();
        queue.send(Box::new(move || done.send(number).unwrap())).unwrap();
    }
    drop(queue);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    drop(done);
    let mut numbers: Vec<i32> = count.iter().collect();
    numbers.sort_unstable();
    right!(numbers, (0..100).collect::<Vec<_>>());
}

#[test]
fn task_1_two_workers_do_two_jobs_at_a_time() {
    let (queue, jobs) = channel::<Job>();
    let _workers = start(2, jobs);
    // The first job waits for a word from the second.
    let (word, heard) = channel();
    let (done, is_done) = channel();
    queue.send(Box::new(move || done.send(heard.recv_timeout(PATIENCE).is_ok()).unwrap())).unwrap();
    queue.send(Box::new(move || word.send(()).unwrap_or_default())).unwrap();
    right!(
        is_done.recv_timeout(2 * PATIENCE),
        Ok(true),
        "the second job should have run beside the first"
    );
}

#[test]
fn task_2_a_job_that_panics_costs_no_worker() {
    let (queue, jobs) = channel::<Job>();
    let _workers = start(1, jobs);
    // Quietly: this panic is expected.
    queue.send(Box::new(|| std::panic::resume_unwind(Box::new(())))).unwrap();
    let (done, is_done) = channel();
    // Fails where the only worker has gone and taken the queue with it.
    let _ = queue.send(Box::new(move || done.send(()).unwrap()));
    right!(is_done.recv_timeout(PATIENCE), Ok(()), "the worker should have gone on");
}
