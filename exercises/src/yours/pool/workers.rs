//! Let workers take jobs from one queue.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Something to do.
pub type Job = Box<dyn FnOnce() + Send>;

/// Starts `count` threads that take jobs from the queue and do them, each at the same time as the
/// others. A job that panics ends, and its worker goes on. They end when the queue has no sender any
/// more and is empty.
///
/// As it stands, they do one job at a time, all together, and a panic ends a worker.
pub fn start(count: usize, queue: Receiver<Job>) -> Vec<JoinHandle<()>> {
    let queue = Arc::new(Mutex::new(queue));
    let worker = |_| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
            while let Ok(job) = lock().recv() {
                job();
            }
        })
    };
    (0..count).map(worker).collect()
}
