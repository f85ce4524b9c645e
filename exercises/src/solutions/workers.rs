//! Let workers take jobs from one queue.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Something to do.
pub type Job = Box<dyn FnOnce() + Send>;

/// Starts `count` threads that take jobs from the queue and do them, each at the same time as the
/// others. They end when the queue has no sender any more and is empty.
pub fn start(count: usize, queue: Receiver<Job>) -> Vec<JoinHandle<()>> {
    let queue = Arc::new(Mutex::new(queue));
    let worker = |_| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            loop {
                // The guard ends with this statement, and the next worker may take a job.
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                match next {
                    Ok(job) => job(),
                    Err(_) => return,
                }
            }
        })
    };
    (0..count).map(worker).collect()
}
