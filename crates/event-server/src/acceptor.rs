//! The next connection, as `async_server`'s acceptor has it, for a loop that never waits here. The kernel
//! reports a new client once, and the acceptor must remember that.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use server_core::{Connection, Connections, Gate, SelfPipe, Source, Worker};

/// The tokens of the listener and of the self-pipe. Connections have smaller numbers.
const LISTENER: Token = Token(usize::MAX);
const WAKEUPS: Token = Token(usize::MAX - 1);

pub(crate) struct Acceptor<'a> {
    connections: &'a Arc<Connections>,
    source: Source<TcpListener>,
    gate: Gate,
    pipe: SelfPipe,
    /// The end of the pipe that the events are for.
    _wakeups: UnixStream,
    /// Whether a client may wait in the backlog, or in the inbox.
    is_ready: bool,
}

impl<'a> Acceptor<'a> {
    pub(crate) fn new(
        worker: Worker,
        connections: &'a Arc<Connections>,
        registry: &Registry,
    ) -> io::Result<Self> {
        let Worker { options, pipe, source, .. } = worker;
        let source = source.try_map(|listener| {
            listener.set_nonblocking(true)?;
            let mut listener = TcpListener::from_std(listener);
            registry.register(&mut listener, LISTENER, Interest::READABLE)?;
            Ok(listener)
        })?;
        let mut wakeups = UnixStream::from_std(pipe.wakeups()?);
        registry.register(&mut wakeups, WAKEUPS, Interest::READABLE)?;
        let gate = Gate::new(&options)?;
        Ok(Acceptor { connections, source, gate, pipe, _wakeups: wakeups, is_ready: true })
    }

    /// Takes note of an event, and says whether it was for the acceptor.
    pub(crate) fn notice(&mut self, token: Token) -> bool {
        match token {
            LISTENER => self.is_ready = true,
            WAKEUPS => {
                self.pipe.forget_wakeups();
                self.is_ready |= matches!(self.source, Source::Inbox(_));
            }
            _ => return false,
        }
        true
    }

    /// The next connection, if there is one at this moment, and room for it beside the `open` ones of this loop.
    pub(crate) fn next(&mut self, open: usize) -> Option<Connection> {
        match &mut self.source {
            Source::Listener(_) => {
                let (stream, peer) = self.accept(open)?;
                Some(self.connections.admit(stream.into(), peer))
            }
            Source::Inbox(inbox) => {
                let next = inbox.take();
                self.is_ready = next.is_some();
                next.filter(makes_nobody_wait)
            }
            Source::Closed => None,
        }
    }

    fn accept(&mut self, open: usize) -> Option<(TcpStream, SocketAddr)> {
        while self.is_ready && self.gate.room_beside(open) > 0 {
            let Source::Listener(listener) = &self.source else { break };
            match listener.accept() {
                Ok(accepted) => return Some(accepted),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_ready = false,
                Err(error) => self.gate.failed(error),
            }
        }
        None
    }

    /// Logs that the kernel cannot report the events of `peer`, and pauses.
    pub(crate) fn reject(&mut self, peer: SocketAddr, error: &io::Error) {
        self.gate.reject(peer, error);
    }

    /// When to look for the next one, if no event will say so: at once if there may be some, and after a
    /// failure at the end of the pause.
    pub(crate) fn deadline(&mut self, open: usize) -> Option<Instant> {
        match self.source {
            Source::Listener(_) if self.is_ready && self.gate.room_beside(open) > 0 => {
                Some(Instant::now())
            }
            Source::Listener(_) => self.gate.resume(),
            Source::Inbox(_) => self.is_ready.then(Instant::now),
            Source::Closed => None,
        }
    }

    /// Whether no more clients are accepted: [`close`](Self::close) says why.
    pub(crate) fn is_done(&self) -> bool {
        self.gate.is_closed()
    }

    /// Whether more connections may still be handed to this loop.
    pub(crate) fn expects_more(&self) -> bool {
        self.source.expects_more()
    }

    /// Stops listening, and returns what broke the listener, if that is why.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.source.close_listener();
        self.gate.why_broken()
    }
}

/// Makes reads and writes of a handed connection return at once, as an accepted one's do: the flag is set on any
/// socket.
fn makes_nobody_wait(connection: &Connection) -> bool {
    connection.stream().set_nonblocking(true).is_ok()
}
