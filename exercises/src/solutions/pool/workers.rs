//! Let workers take jobs from one queue.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Something to do.
pub type Job = Box<dyn FnOnce() + Send>;

/// Starts `count` threads that take jobs from the queue and do them, each at the same time as the
/// others. A job that panics ends, and its worker goes on. They end when the queue has no sender any
/// more and is empty.
pub fn start(count: usize, queue: Receiver<Job>) -> Vec<JoinHandle<()>> {
    let queue = Arc::new(Mutex::new(queue));
    let worker = |_| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            loop {
                // The guard ends with this statement, and the next worker may take a job.
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                match next {
                    // What it panicked with is the job's own affair.
                    Ok(job) => drop(panic::catch_unwind(AssertUnwindSafe(job))),
                    Err(_) => return,
                }
            }
        })
    };
    (0..count).map(worker).collect()
}
