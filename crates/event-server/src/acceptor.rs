//! The next client, as `async_server`'s acceptor has it, for a loop that never waits here. The kernel
//! reports a new client once, and the acceptor must remember that.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use server_core::{Gate, Options, SelfPipe, Shutdown, Waker};

/// The tokens of the listener and of the self-pipe. Connections have smaller numbers.
const LISTENER: Token = Token(usize::MAX);
const WAKEUPS: Token = Token(usize::MAX - 1);

pub(crate) struct Acceptor {
    listener: TcpListener,
    gate: Gate,
    pipe: SelfPipe,
    /// The end of the pipe that the events are for.
    _wakeups: UnixStream,
    /// Whether a client may wait in the backlog.
    is_ready: bool,
}

impl Acceptor {
    pub(crate) fn new(
        listener: std::net::TcpListener,
        options: &Options,
        registry: &Registry,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        let pipe = SelfPipe::new()?;
        pipe.waker().wake_on(Shutdown::signals())?;
        let mut wakeups = UnixStream::from_std(pipe.wakeups()?);
        registry.register(&mut wakeups, WAKEUPS, Interest::READABLE)?;
        Ok(Acceptor {
            listener,
            gate: Gate::new(options)?,
            pipe,
            _wakeups: wakeups,
            is_ready: true,
        })
    }

    /// What wakes the loop.
    pub(crate) fn waker(&self) -> Waker {
        self.pipe.waker()
    }

    /// Takes note of an event, and says whether it was for the acceptor.
    pub(crate) fn notice(&mut self, token: Token) -> bool {
        match token {
            LISTENER => self.is_ready = true,
            WAKEUPS => self.pipe.forget_wakeups(),
            _ => return false,
        }
        true
    }

    /// The next connection, if there is one at this moment, and room for it beside the open ones.
    pub(crate) fn next(&mut self, open: usize) -> Option<(TcpStream, SocketAddr)> {
        while self.is_ready && self.gate.room_beside(open) > 0 {
            match self.listener.accept() {
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

    /// When to accept again, if no event will say so: at once if clients may be waiting, and after a
    /// failure at the end of the pause.
    pub(crate) fn deadline(&mut self, open: usize) -> Option<Instant> {
        match self.is_ready && self.gate.room_beside(open) > 0 {
            true => Some(Instant::now()),
            false => self.gate.resume(),
        }
    }

    /// Whether no more clients are accepted: [`close`](Self::close) says why.
    pub(crate) fn is_done(&self) -> bool {
        self.gate.is_closed()
    }

    /// Stops listening, and returns what broke the listener, if that is why.
    pub(crate) fn close(mut self) -> io::Result<()> {
        self.gate.why_broken()
    }
}
