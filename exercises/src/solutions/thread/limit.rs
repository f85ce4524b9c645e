//! Let in a limited number at a time, and no more.

use std::sync::{Arc, PoisonError};

// The standard library's; or loom's, which tries every order of the threads.
use crate::sync::{Condvar, Mutex};

/// A gate with places.
#[derive(Debug)]
pub struct Gate {
    free: Mutex<usize>,
    left: Condvar,
}

/// A place behind the gate, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

impl Gate {
    /// A gate with this many places.
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Gate { free: Mutex::new(places), left: Condvar::new() })
    }

    // ANCHOR: enter
    /// Waits for a place, and takes it.
    pub fn enter(self: &Arc<Self>) -> Place {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.left.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Place(Arc::clone(self))
    }
    // ANCHOR_END: enter
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.left.notify_one();
    }
}
