//! Which connections are open: to count them, to end their input, to wait for their end.

use std::collections::HashMap;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use socket2::SockRef;

use crate::Waker;
use crate::end_of_input::end_input;
// The standard library's; or loom's, which tries every order of the threads.
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The open connections of one process, each a stream of type `S` under its number.
#[derive(Debug)]
pub(crate) struct Registry<S> {
    /// How many the acceptor lets in, and what wakes it when there were as many and one has left.
    most: usize,
    waker: Waker,
    state: Mutex<State<S>>,
    emptied: Condvar,
}

#[derive(Debug)]
struct State<S> {
    draining: bool,
    entered: u64,
    open: HashMap<u64, Arc<S>>,
}

impl<S: AsFd> Registry<S> {
    pub(crate) fn new(most: usize, waker: Waker) -> Self {
        let state = State { draining: false, entered: 0, open: HashMap::new() };
        Registry { most, waker, state: Mutex::new(state), emptied: Condvar::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.state().open.len()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state().draining
    }

    /// Takes a connection in, and returns its number: the first one's is 1.
    pub(crate) fn enter(&self, stream: &Arc<S>) -> u64 {
        let mut state = self.state();
        state.entered += 1;
        let number = state.entered;
        state.open.insert(number, Arc::clone(stream));
        if state.draining {
            end_input(&**stream);
        }
        number
    }

    // ANCHOR: leave
    /// Removes a connection, and wakes what waits for that.
    pub(crate) fn leave(&self, number: u64) {
        let mut state = self.state();
        let was_full = state.open.len() >= self.most;
        state.open.remove(&number);
        // Each is a system call, even if nothing waits.
        if state.draining && state.open.is_empty() {
            self.emptied.notify_all();
        }
        drop(state);
        if was_full {
            self.waker.wake();
        }
    }
    // ANCHOR_END: leave

    /// Ends the input of all connections, and of those that are still to enter.
    pub(crate) fn end_inputs(&self) {
        let mut state = self.state();
        state.draining = true;
        state.open.values().for_each(|stream| end_input(&**stream));
    }

    /// Blocks until every connection has left a registry that drains, or until `end`.
    pub(crate) fn wait_until_empty(&self, end: Instant) {
        let mut state = self.state();
        while !state.open.is_empty() {
            let Some(rest) = end.checked_duration_since(Instant::now()) else {
                return;
            };
            let waited = self.emptied.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends all connections both ways, and returns how many there were.
    pub(crate) fn cut(&self) -> usize {
        let state = self.state();
        // Its failure is that the connection has ended, and then there is nothing left to end.
        let cut = |stream: &Arc<S>| drop(SockRef::from(&**stream).shutdown(Shutdown::Both));
        state.open.values().for_each(cut);
        state.open.len()
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
