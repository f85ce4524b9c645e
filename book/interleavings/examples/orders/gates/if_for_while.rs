//! BUG: who was woken does not look again.

use std::sync::PoisonError;

use crate::sync::{Condvar, Mutex};

pub(crate) struct Gate {
    free: Mutex<usize>,
    left: Condvar,
}

// ANCHOR: bug
impl Gate {
    pub(crate) fn enter(&self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            free = self.left.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        // BUG: somebody else may have taken the place.
        *free = free.wrapping_sub(1);
    }

    pub(crate) fn leave(&self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.wrapping_add(1);
        self.left.notify_one();
    }
}
// ANCHOR_END: bug

impl Gate {
    pub(crate) fn new(places: usize) -> Self {
        Gate { free: Mutex::new(places), left: Condvar::new() }
    }
}
