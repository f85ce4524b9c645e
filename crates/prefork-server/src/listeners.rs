//! What workers take their clients from: one listener for all, or one for each.

use std::io;
use std::net::TcpListener;

use server_core::{Options, bind};

/// The parent holds all of them, so that the clients in the queue of a listener outlive its worker: the
/// next one finds them.
pub(crate) struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// `first` alone, or under `--reuse-port` as many as there are workers, at the same address.
    ///
    /// # Errors
    ///
    /// Those of [`bind`].
    // ANCHOR: listeners
    pub(crate) fn new(first: TcpListener, options: &Options) -> io::Result<Self> {
        let options = Options { addr: first.local_addr()?, ..options.clone() };
        let further = if options.reuse_port { options.workers - 1 } else { 0 };
        let further = (0..further).map(|place| {
            let number = place + 2;
            let lacking =
                |error| io::Error::other(format!("no listener for worker {number}: {error}"));
            bind(&options).map_err(lacking)
        });
        Ok(Listeners([Ok(first)].into_iter().chain(further).collect::<io::Result<_>>()?))
    }

    /// The one that the worker with this number, from 1 on, takes its clients from.
    pub(crate) fn of_worker(&self, number: usize) -> &TcpListener {
        &self.0[(number - 1) % self.0.len()]
    }
    // ANCHOR_END: listeners
}
