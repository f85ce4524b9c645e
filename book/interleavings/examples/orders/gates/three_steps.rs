//! BUG: to read, to subtract and to write are three steps.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

use crate::sync::{AtomicUsize, Condvar, Mutex};

pub(crate) struct Gate {
    free: AtomicUsize,
    lock: Mutex<()>,
    left: Condvar,
}

// ANCHOR: bug
impl Gate {
    pub(crate) fn enter(&self) {
        loop {
            let free = self.free.load(SeqCst);
            if free > 0 {
                self.free.store(free - 1, SeqCst); // BUG: somebody else may have read the same
                return;
            }
            self.wait_for_a_place();
        }
    }
}
// ANCHOR_END: bug

impl Gate {
    pub(crate) fn new(places: usize) -> Self {
        Gate { free: AtomicUsize::new(places), lock: Mutex::new(()), left: Condvar::new() }
    }

    fn wait_for_a_place(&self) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.free.load(SeqCst) == 0 {
            guard = self.left.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn leave(&self) {
        self.free.fetch_add(1, SeqCst);
        // Whoever found no place holds the lock until it waits.
        drop(self.lock.lock());
        self.left.notify_one();
    }
}
