//! BUG: between the look and the wait nobody is heard: the place may be free by then. (The line is not
//! marked: a handout lets the class look for it.)

use std::sync::PoisonError;

use crate::sync::{Condvar, Mutex};

pub(crate) struct Gate {
    free: Mutex<usize>,
    left: Condvar,
}

// ANCHOR: bug
impl Gate {
    pub(crate) fn enter(&self) {
        while !self.take() {
            let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.left.wait(free));
        }
    }

    fn take(&self) -> bool {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = *free > 0;
        *free -= usize::from(is_free);
        is_free
    }

    pub(crate) fn leave(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.left.notify_one();
    }
}
// ANCHOR_END: bug

impl Gate {
    pub(crate) fn new(places: usize) -> Self {
        Gate { free: Mutex::new(places), left: Condvar::new() }
    }
}
