//! The open connections of one process, within reach of its shutdown.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::{Options, Report, SHUTDOWN_SIGNALS, ShutdownSignal, Statistics, Waker, serve};

/// The open connections of one process. Threads that serve them share it; a shutdown ends their
/// input through it, so that a blocked read returns and a handler need not look out for signals.
#[derive(Debug)]
pub struct Connections {
    options: Options,
    statistics: Statistics,
    waker: Waker,
    registry: Mutex<Registry>,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Registry {
    draining: bool,
    accepted: u64,
    open: HashMap<u64, Arc<TcpStream>>,
}

impl Connections {
    /// No connections yet. `waker` wakes the acceptor when there is room for one more.
    pub fn new(options: &Options, waker: Waker) -> Arc<Self> {
        Arc::new(Connections {
            options: options.clone(),
            statistics: Statistics::default(),
            waker,
            registry: Mutex::default(),
            emptied: Condvar::new(),
        })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// Takes a new connection in. It is open until the returned value is dropped.
    pub fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> Connection {
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

    /// Lets each open connection be answered for what its client has already sent, waits for
    /// their end, and cuts what is left after `--drain-timeout`. Blocks for that long at most.
    pub fn drain(&self) {
        let end = Instant::now() + self.options.drain_timeout;
        let mut registry = self.end_inputs();
        while !registry.open.is_empty() {
            let Some(rest) = end.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.emptied.wait_timeout(registry, rest);
            registry = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.cut(&registry);
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
                drop(connections.end_inputs());
                thread::sleep(connections.options.drain_timeout);
                connections.cut(&connections.lock());
            }
        };
        thread::Builder::new().name("drain".to_owned()).spawn(drain)?;
        Ok(())
    }

    /// What was served so far, and what it cost.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn report(&self) -> io::Result<Report> {
        Report::new(&self.statistics)
    }

    fn end_inputs(&self) -> MutexGuard<'_, Registry> {
        if let Ok(signal) = ShutdownSignal::get() {
            signal.drain_begins();
        }
        let mut registry = self.lock();
        registry.draining = true;
        registry.open.values().for_each(|stream| end_input(stream, Shutdown::Read));
        registry
    }

    fn cut(&self, registry: &Registry) {
        if !registry.open.is_empty() {
            log_cut(registry.open.len(), self.options.drain_timeout);
        }
        registry.open.values().for_each(|stream| end_input(stream, Shutdown::Both));
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs that a shutdown cut so many connections, since they were still open after `timeout`.
pub fn log_cut(connections: usize, timeout: Duration) {
    let timeout = humantime::format_duration(timeout);
    warn!("connections cut, still open after {timeout}: {connections}");
}

/// The only failure is that the connection has ended, and then there is nothing left to end.
fn end_input(stream: &TcpStream, how: Shutdown) {
    let _ = stream.shutdown(how);
}

/// One open connection. Whoever owns it serves it, and dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    peer: SocketAddr,
    stream: Arc<TcpStream>,
    connections: Arc<Connections>,
}

impl Connection {
    /// Its number: the first accepted one is 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Serves it to its end, as [`serve`] says, and closes it.
    pub fn serve(self, who: impl Display + Copy) {
        let Connections { options, statistics, .. } = &*self.connections;
        serve(&self.stream, self.peer, who, options, statistics);
    }
}

impl Drop for Connection {
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
