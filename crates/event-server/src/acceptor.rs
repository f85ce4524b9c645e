//! The next client, as `async_server`'s acceptor has it, for a loop that never waits here: the kernel
//! tells once that somebody has come, and that must be remembered.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use server_core::{AcceptPolicy, Options, SHUTDOWN_SIGNALS, SelfPipe, Shutdown, Waker};

/// What the listener's and the self-pipe's events are told by. Connections have smaller numbers.
const LISTENER: Token = Token(usize::MAX);
const WAKEUPS: Token = Token(usize::MAX - 1);

pub(crate) struct Acceptor {
    listener: TcpListener,
    shutdown: &'static Shutdown,
    pipe: SelfPipe,
    /// The end of the pipe that has the events.
    _wakeups: UnixStream,
    max_connections: usize,
    policy: AcceptPolicy,
    /// Whether somebody may wait in the backlog.
    is_ready: bool,
    resume: Option<Instant>,
    broken: Option<io::Error>,
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
        pipe.waker().wake_on(&SHUTDOWN_SIGNALS)?;
        let mut wakeups = UnixStream::from_std(pipe.wakeups()?);
        registry.register(&mut wakeups, WAKEUPS, Interest::READABLE)?;
        Ok(Acceptor {
            listener,
            shutdown: Shutdown::get()?,
            pipe,
            _wakeups: wakeups,
            max_connections: options.max_connections,
            policy: AcceptPolicy::default(),
            is_ready: true,
            resume: None,
            broken: None,
        })
    }

    /// What wakes the loop.
    pub(crate) fn waker(&self) -> Waker {
        self.pipe.waker()
    }

    /// Takes note of an event, and says whether it was this one's.
    pub(crate) fn notice(&mut self, token: Token) -> bool {
        match token {
            LISTENER => self.is_ready = true,
            WAKEUPS => self.pipe.forget_wakeups(),
            _ => return false,
        }
        true
    }

    /// The next connection, if there is one at this moment, and room for it beside so many.
    pub(crate) fn next(&mut self, open: usize) -> Option<(TcpStream, SocketAddr)> {
        self.resume = self.resume.filter(|resume| Instant::now() < *resume);
        let has_room = open < self.max_connections && !self.shutdown.requested();
        while self.is_ready && has_room && self.resume.is_none() {
            match self.listener.accept() {
                Ok(accepted) => return Some(accepted),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_ready = false,
                Err(error) => match self.policy.pause_after(&error) {
                    Some(pause) => self.resume = Some(Instant::now() + pause),
                    None => {
                        self.is_ready = false;
                        self.broken = Some(error);
                    }
                },
            }
        }
        None
    }

    /// Logs that the kernel will not tell of the events of `peer`, and rests for a moment.
    pub(crate) fn turn_away(&mut self, peer: SocketAddr, error: &io::Error) {
        self.resume = Some(Instant::now() + self.policy.turned_away(peer, error));
    }

    /// Until when to rest after a failure: no event will end that.
    pub(crate) fn resume(&self) -> Option<Instant> {
        self.resume
    }

    /// Whether to accept nobody any more, since the shutdown was requested or the listener is
    /// broken: [`close`](Self::close) tells which.
    pub(crate) fn is_done(&self) -> bool {
        self.shutdown.requested() || self.broken.is_some()
    }

    /// Stops listening, and returns what broke the listener, if that is why.
    pub(crate) fn close(self) -> io::Result<()> {
        self.broken.map_or(Ok(()), Err)
    }
}
