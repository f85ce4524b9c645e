//! Pool. The queue's lock is held while a job is done.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use crate::echo;

// ANCHOR: bug
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    let (queue, waiting) = mpsc::channel();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..4 {
        let waiting = Arc::clone(&waiting);
        thread::spawn(move || {
            let lock = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while let Ok(stream) = lock().recv() {
                let _ = echo(&stream); // BUG: the guard in the condition lives until here
            }
        });
    }
    listener.incoming().try_for_each(|stream| queue.send(stream?).map_err(io::Error::other))
}
// ANCHOR_END: bug
