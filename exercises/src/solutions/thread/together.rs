//! Complete a line: wait for many threads.

use std::thread;

/// Something to do.
pub type Job = Box<dyn FnOnce() + Send>;

/// Does all jobs at the same time, each in a thread of its own, and returns when the last is done. A job
/// that panics ends alone.
pub fn do_together(jobs: Vec<Job>) {
    let threads: Vec<_> = jobs.into_iter().map(thread::spawn).collect();
    for thread in threads {
        // What it panicked with is the job's own affair.
        let _ = thread.join();
    }
}
