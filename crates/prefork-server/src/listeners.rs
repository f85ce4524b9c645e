//! What workers take their clients from: one listener for all, or one for each.

use std::io;
use std::net::TcpListener;

use server_core::{Options, listeners};

/// The parent holds all of them, so that the clients in the queue of a listener outlive its worker: the
/// next one finds them.
pub(crate) struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// `first` alone, or under `--reuse-port` as many as there are workers, at the same address.
    ///
    /// # Errors
    ///
    /// Those of `bind(2)` and `listen(2)`.
    pub(crate) fn new(first: TcpListener, options: &Options) -> io::Result<Self> {
        listeners(first, options).map(Listeners)
    }

    // ANCHOR: of_worker
    /// The one that the worker with this number, from 1 on, takes its clients from.
    pub(crate) fn of_worker(&self, number: usize) -> &TcpListener {
        &self.0[(number - 1) % self.0.len()]
    }
    // ANCHOR_END: of_worker
}
