//! Complete a line: the end of a pool.

use std::thread;

use crossbeam::channel;

/// Something to do.
pub type Job = Box<dyn FnOnce() + Send>;

/// Lets this many threads do all jobs, and returns when the last is done.
///
/// As it stands, it never returns.
pub fn do_all(jobs: Vec<Job>, workers: usize) {
    let (queue, waiting) = channel::unbounded::<Job>();
    let start = |_| {
        let waiting = waiting.clone();
        thread::spawn(move || waiting.iter().for_each(|job| job()))
    };
    let workers: Vec<_> = (0..workers).map(start).collect();
    for job in jobs {
        // It fails only where nobody can receive any more, and we can.
        let _ = queue.send(job);
    }
    for worker in workers {
        // A worker whose job has panicked is no longer there.
        let _ = worker.join();
    }
}
