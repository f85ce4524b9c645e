//! The open connections of one process, within reach of its shutdown.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tracing::warn;

use crate::{Options, Report, SHUTDOWN_SIGNALS, Session, ShutdownSignal, Statistics, Waker, serve};

/// The open connections of one process, each a stream of type `S`. Whoever serves them shares it;
/// a shutdown ends their input through it, so that a read that waits returns and a handler need
/// not look out for signals.
#[derive(Debug)]
pub struct Connections<S = TcpStream> {
    options: Options,
    statistics: Statistics,
    waker: Waker,
    registry: Mutex<Registry<S>>,
    emptied: Condvar,
}

#[derive(Debug)]
struct Registry<S> {
    draining: bool,
    accepted: u64,
    open: HashMap<u64, Arc<S>>,
}

impl<S: AsFd> Connections<S> {
    /// No connections yet. `waker` wakes the acceptor when there is room for one more.
    pub fn new(options: &Options, waker: Waker) -> Arc<Self> {
        let registry = Registry { draining: false, accepted: 0, open: HashMap::new() };
        Arc::new(Connections {
            options: options.clone(),
            statistics: Statistics::default(),
            waker,
            registry: Mutex::new(registry),
            emptied: Condvar::new(),
        })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// Takes a new connection in. It is open until the returned value is dropped.
    pub fn admit(self: &Arc<Self>, stream: S, peer: SocketAddr) -> Connection<S> {
        let stream = Arc::new(stream);
        let mut registry = self.lock();
        registry.accepted += 1;
        let number = registry.accepted;
        registry.open.insert(number, Arc::clone(&stream));
        if registry.draining {
            end_input(&stream, Shutdown::Read);
        }
        self.statistics.opened();
        Connection { number, peer, stream, connections: Arc::clone(self) }
    }

    /// Begins the drain: each open connection is still answered for what its client has already
    /// sent, and then finds the end of its input.
    pub fn end_inputs(&self) {
        if let Ok(signal) = ShutdownSignal::get() {
            signal.drain_begins();
        }
        let mut registry = self.lock();
        registry.draining = true;
        registry.open.values().for_each(|stream| end_input(stream, Shutdown::Read));
    }

    /// Ends the drain: cuts the connections that are still open, and logs how many.
    pub fn cut(&self) {
        let registry = self.lock();
        if !registry.open.is_empty() {
            log_cut(registry.open.len(), self.options.drain_timeout);
        }
        registry.open.values().for_each(|stream| end_input(stream, Shutdown::Both));
    }

    /// What was served so far, and what it cost.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn report(&self) -> io::Result<Report> {
        Report::new(&self.statistics)
    }

    fn lock(&self) -> MutexGuard<'_, Registry<S>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Drains the connections, and cuts what is left after `--drain-timeout`. Blocks for that
    /// long at most.
    pub fn drain(&self) {
        let end = Instant::now() + self.options.drain_timeout;
        self.end_inputs();
        let mut registry = self.lock();
        while !registry.open.is_empty() {
            let Some(rest) = end.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.emptied.wait_timeout(registry, rest);
            registry = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(registry);
        self.cut();
    }

    /// Starts a thread that does what [`drain`](Self::drain) does as soon as the shutdown is
    /// requested, for a server that is busy serving and not waiting at its acceptor by then.
    ///
    /// # Errors
    ///
    /// When the thread or its signal handlers cannot be set up.
    pub fn drain_from_another_thread(self: &Arc<Self>) -> io::Result<()> {
        let mut signals = signal_hook::iterator::Signals::new(SHUTDOWN_SIGNALS)?;
        let connections = Arc::clone(self);
        let drain = move || {
            if signals.forever().next().is_some() {
                connections.end_inputs();
                thread::sleep(connections.options.drain_timeout);
                connections.cut();
            }
        };
        thread::Builder::new().name("drain".to_owned()).spawn(drain)?;
        Ok(())
    }
}

/// Logs that a shutdown cut so many connections, since they were still open after `timeout`.
pub fn log_cut(connections: usize, timeout: Duration) {
    let timeout = humantime::format_duration(timeout);
    warn!("connections cut, still open after {timeout}: {connections}");
}

/// The only failure is that the connection has ended, and then there is nothing left to end.
fn end_input(stream: &impl AsFd, how: Shutdown) {
    let _ = SockRef::from(stream).shutdown(how);
}

/// One open connection. Whoever owns it serves it, and dropping it closes it.
#[derive(Debug)]
pub struct Connection<S: AsFd = TcpStream> {
    number: u64,
    peer: SocketAddr,
    stream: Arc<S>,
    connections: Arc<Connections<S>>,
}

impl<S: AsFd> Connection<S> {
    /// Its number: the first accepted one is 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What to read from and write to.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// A conversation to hold over it, that has not begun.
    pub fn session(&self) -> Session<'_> {
        Session::new(&self.connections.options, &self.connections.statistics)
    }
}

impl Connection {
    /// Serves it to its end, as [`serve`] says, and closes it.
    pub fn serve(self, who: impl Display + Copy) {
        serve(&self.stream, self.peer, who, &mut self.session());
    }
}

impl<S: AsFd> Drop for Connection<S> {
    fn drop(&mut self) {
        let mut registry = self.connections.lock();
        let was_full = registry.open.len() >= self.connections.options.max_connections;
        registry.open.remove(&self.number);
        self.connections.statistics.closed();
        if was_full {
            self.connections.waker.wake();
        }
        // A notification is a system call, whether anybody waits or not.
        if registry.draining && registry.open.is_empty() {
            self.connections.emptied.notify_all();
        }
    }
}
