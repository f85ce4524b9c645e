//! The connections of a server that serves one after the other, from its only thread.

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpStream};

use crate::{Acceptor, Options, Report, Session, SoleConnection, Statistics};

/// What [`Connections`](crate::Connections) is to servers with many.
#[derive(Debug)]
pub struct OneAtATime<'a> {
    options: &'a Options,
    statistics: Statistics,
    connection: SoleConnection,
}

impl<'a> OneAtATime<'a> {
    /// No connection yet.
    ///
    /// # Errors
    ///
    /// When a signal handler cannot be set up.
    pub fn new(options: &'a Options) -> io::Result<Self> {
        let connection = SoleConnection::cut_after(options.drain_timeout)?;
        Ok(OneAtATime { options, statistics: Statistics::default(), connection })
    }

    /// Serves a connection to its end. `who` says in each log line what serves it.
    pub fn serve(&self, stream: &TcpStream, peer: SocketAddr, who: impl Display + Copy) {
        let mut session = Session::new(self.options, &self.statistics);
        self.connection.serve(stream, peer, who, &mut session);
    }

    /// The end of a server: stops listening, and returns what was served. The drain is over by
    /// then: a signal that came while a client was served has begun it, and timed it.
    ///
    /// # Errors
    ///
    /// What broke the listener, where that is why the server ends, and those of `getrusage(2)`.
    pub fn drain(&self, acceptor: Acceptor) -> io::Result<Report> {
        acceptor.close()?;
        Report::new(&self.statistics)
    }
}
