//! Whether to let the next client in: one rule for every server that accepts, however it waits.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{AcceptPolicy, Options, Shutdown};

/// What decides whether a server accepts at this moment: a shutdown, `--max-connections`, and the failures
/// of earlier attempts.
#[derive(Debug)]
pub struct Gate {
    shutdown: &'static Shutdown,
    max_connections: usize,
    policy: AcceptPolicy,
    /// Until when it is closed after a failure.
    resume: Option<Instant>,
    /// What broke the listener.
    broken: Option<io::Error>,
}

impl Gate {
    /// An open gate.
    ///
    /// # Errors
    ///
    /// When the signal handlers of the shutdown cannot be set up.
    pub fn new(options: &Options) -> io::Result<Self> {
        let (shutdown, policy) = (Shutdown::get()?, AcceptPolicy::default());
        let max_connections = options.max_connections;
        Ok(Gate { shutdown, max_connections, policy, resume: None, broken: None })
    }

    /// How many clients may be accepted beside the `open` connections: none during a shutdown, and none for
    /// a moment after a failure.
    pub fn room_beside(&mut self, open: usize) -> usize {
        self.resume = self.resume.filter(|resume| Instant::now() < *resume);
        match self.is_closed() || self.resume.is_some() {
            true => 0,
            false => self.max_connections.saturating_sub(open),
        }
    }

    /// Until when to wait after a failure: no event will end that.
    pub fn resume(&self) -> Option<Instant> {
        self.resume
    }

    /// Whether no client will be accepted any more, since the shutdown has begun or the listener is
    /// broken: [`why_broken`](Self::why_broken) says which.
    pub fn is_closed(&self) -> bool {
        self.shutdown.has_begun() || self.broken.is_some()
    }

    /// Takes note that an `accept` has failed.
    pub fn failed(&mut self, error: io::Error) {
        match self.policy.pause_after(&error) {
            Some(pause) => self.pause_for(pause),
            None => self.broke(error),
        }
    }

    /// Logs that this client cannot be served for lack of resources, and pauses.
    pub fn reject(&mut self, peer: SocketAddr, error: &io::Error) {
        let pause = self.policy.rejected(peer, error);
        self.pause_for(pause);
    }

    /// Takes note that the listener cannot even be waited for.
    pub fn broke(&mut self, error: io::Error) {
        self.broken = Some(error);
    }

    fn pause_for(&mut self, pause: Duration) {
        self.resume = (!pause.is_zero()).then(|| Instant::now() + pause);
    }

    /// What broke the listener, where that is why it is closed.
    ///
    /// # Errors
    ///
    /// What broke it.
    pub fn why_broken(&mut self) -> io::Result<()> {
        self.broken.take().map_or(Ok(()), Err)
    }
}
