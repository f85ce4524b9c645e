//! The connections of a server whose handlers share its memory, from their admission to the drain.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use protocol::BUSY;
use tracing::warn;

use crate::registry::Registry;
use crate::{Acceptor, Aftermath, Options, Report, Session, Shutdown, Statistics, Waker};
use crate::{ConnectionError, Ending, converse, end, linger};

/// The connections of one process, each a stream of type `S`. The handlers share it; a
/// shutdown ends their input through it, so that a read that waits returns and a handler need not
/// look out for signals.
#[derive(Debug)]
pub struct Connections<S = TcpStream> {
    options: Options,
    statistics: Statistics,
    registry: Registry<S>,
    /// How many were left at the end of a drain, by loops that each count their own.
    left: AtomicUsize,
}

impl<S: AsFd> Connections<S> {
    /// No connections yet. `waker` wakes the acceptor when there is room for one more.
    pub fn new(options: &Options, waker: Waker) -> Arc<Self> {
        let registry = Registry::new(options.max_connections, waker);
        Arc::new(Connections {
            options: options.clone(),
            statistics: Statistics::default(),
            registry,
            left: AtomicUsize::new(0),
        })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.registry.count()
    }

    /// Admits a new connection. It is open until the returned value is dropped.
    pub fn admit(self: &Arc<Self>, stream: S, peer: SocketAddr) -> Connection<S> {
        let stream = Arc::new(stream);
        let number = self.registry.enter(&stream);
        self.statistics.opened();
        Connection { number, peer, stream, connections: Arc::clone(self) }
    }

    /// A conversation to hold over one of them, that has not begun.
    pub fn session(&self) -> Session<'_> {
        Session::new(&self.options, &self.statistics)
    }

    /// Ends the drain: cuts the connections that are still open, and logs how many.
    pub fn cut(&self) {
        match self.registry.cut() {
            0 => {}
            count => log_cut(count, self.options.drain_timeout),
        }
    }

    /// Counts connections of a loop that are still open at the end of its drain.
    pub fn leave(&self, connections: usize) {
        self.left.fetch_add(connections, Ordering::Relaxed);
    }

    /// The end of all loops: logs how many connections were [left](Self::leave), and returns what was served.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn end(&self) -> io::Result<Report> {
        match self.left.load(Ordering::Relaxed) {
            0 => {}
            count => log_cut(count, self.options.drain_timeout),
        }
        self.report()
    }

    /// What was served so far, and what it cost.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn report(&self) -> io::Result<Report> {
        Report::new(&self.statistics)
    }
}

impl Connections {
    /// The end of a server: stops listening, lets each open connection be answered for what its
    /// client has already sent, and cuts what is left after `--drain-timeout`. Blocks for that long
    /// at most, and returns what was served.
    ///
    /// # Errors
    ///
    /// What broke the listener, where that is why the server ends, and those of `getrusage(2)`.
    pub fn drain(&self, acceptor: Acceptor) -> io::Result<Report> {
        let closed = acceptor.close();
        let end = Shutdown::get()?.drain_end(self.options.drain_timeout);
        self.registry.end_inputs();
        self.registry.wait_until_empty(end);
        self.cut();
        closed?;
        self.report()
    }
}

/// Logs how many connections a shutdown has cut, since they were still open after `timeout`.
pub fn log_cut(connections: usize, timeout: Duration) {
    let timeout = humantime::format_duration(timeout);
    let count = connections as u64;
    warn!(event = "cut", count, "connections cut, still open after {timeout}: {connections}");
}

/// One open connection. Its owner serves it, and dropping it closes it.
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
        self.connections.session()
    }

    /// Ends the conversation, as [`end`] does.
    pub fn end(
        &self,
        who: impl Display,
        outcome: &Result<Ending, ConnectionError>,
        session: &Session<'_>,
    ) -> Aftermath {
        end(self.stream(), self.peer, who, outcome, session)
    }
}

impl Connection {
    /// Serves it to its end and closes it. `who` says in each log line what serves it.
    pub fn serve(self, who: impl Display + Copy) {
        if self.converse(who) == Aftermath::Linger {
            // A failure is not logged: the conversation is over.
            let _ = linger(&self.stream);
        }
    }

    /// Tells its client that nobody was free for `waited`, without a look at what it has sent, and leaves the rest
    /// to the caller. `who` says in the log line where it has waited.
    pub fn turn_away(&self, who: impl Display, waited: Duration) -> Aftermath {
        self.connections.statistics.turned_away();
        // The buffer is empty, so this does not block. Where it fails, there is nobody to be told.
        let _ = (&*self.stream).write(BUSY.as_bytes());
        self.end(who, &Err(ConnectionError::Busy(waited)), &self.session())
    }

    /// Serves it to the last answer, as [`converse`] says, and leaves the rest to the caller.
    pub fn converse(&self, who: impl Display + Copy) -> Aftermath {
        let draining = || self.connections.registry.is_draining();
        converse(&self.stream, self.peer, who, &mut self.session(), &draining)
    }
}

impl<S: AsFd> Drop for Connection<S> {
    fn drop(&mut self) {
        self.connections.statistics.closed();
        self.connections.registry.leave(self.number);
    }
}
