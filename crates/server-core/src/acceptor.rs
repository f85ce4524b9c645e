//! Waiting for the next client.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::warn;

#[cfg(not(target_os = "linux"))]
use crate::listener;
use crate::{AcceptPolicy, Options, SHUTDOWN_SIGNALS, SelfPipe, Shutdown, Waker};

/// The listener of a blocking server: waits for a client, for room to serve it, or for the
/// shutdown, whichever comes first.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    shutdown: &'static Shutdown,
    pipe: Arc<SelfPipe>,
    options: Options,
    policy: AcceptPolicy,
    resume: Option<Instant>,
    broken: Option<io::Error>,
}

impl Acceptor {
    /// Takes over a listener that came from [`bind`](crate::bind).
    ///
    /// # Errors
    ///
    /// When the listener, the signal handlers or the self-pipe cannot be set up.
    pub fn new(listener: TcpListener, options: &Options) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let pipe = Arc::new(SelfPipe::new()?);
        pipe.waker().wake_on(&SHUTDOWN_SIGNALS)?;
        Ok(Acceptor {
            listener,
            shutdown: Shutdown::get()?,
            pipe,
            options: options.clone(),
            policy: AcceptPolicy::default(),
            resume: None,
            broken: None,
        })
    }

    /// What wakes [`next`](Self::next), so that it asks again how many connections are open.
    pub fn waker(&self) -> Waker {
        self.pipe.waker()
    }

    /// What it waits for beside its listener, for a server that waits on when that is closed.
    pub fn pipe(&self) -> Arc<SelfPipe> {
        Arc::clone(&self.pipe)
    }

    /// The next connection, or `None` once the shutdown was requested or the listener is broken:
    /// [`close`](Self::close) tells which. Blocks until then.
    ///
    /// While `open` says that `--max-connections` are open, further clients stay in the backlog.
    pub fn next(&mut self, mut open: impl FnMut() -> usize) -> Option<(TcpStream, SocketAddr)> {
        self.try_next(&mut open).unwrap_or_else(|error| {
            self.broken = Some(error);
            None
        })
    }

    fn try_next(
        &mut self,
        open: &mut dyn FnMut() -> usize,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let mut ready = true;
        while !self.shutdown.requested() {
            self.resume = self.resume.filter(|resume| Instant::now() < *resume);
            if open() >= self.options.max_connections || self.resume.is_some() {
                self.pipe.wait(self.resume)?;
                continue;
            }
            if !ready {
                ready = self.wait_for_client()?;
                continue;
            }
            match self.listener.accept() {
                Ok((stream, peer)) => match self.admit(&stream) {
                    Ok(()) => return Ok(Some((stream, peer))),
                    Err(error) => warn!("{peer} was gone at once: {error}"),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready = false,
                Err(error) => match self.policy.pause_after(&error) {
                    Some(pause) => self.resume = Some(Instant::now() + pause),
                    None => return Err(error),
                },
            }
        }
        Ok(None)
    }

    /// Logs that there is no process or thread to serve `peer`, and rests for a moment.
    pub fn turn_away(&mut self, peer: SocketAddr, error: &io::Error) {
        self.resume = Some(Instant::now() + self.policy.turned_away(peer, error));
    }

    /// Stops listening. Clients that were not accepted are refused.
    ///
    /// # Errors
    ///
    /// What broke the listener, where that is why it is closed.
    pub fn close(self) -> io::Result<()> {
        self.broken.map_or(Ok(()), Err)
    }

    /// Stops listening in a forked child, and leaves all else as the parent made it. What is freed
    /// is written to, and each page that a child writes to is copied for it.
    pub fn close_in_child(self) {
        let Acceptor { listener, pipe, options, policy, broken, .. } = self;
        drop(listener);
        mem::forget((pipe, options, policy, broken));
    }

    /// Linux has copied the listener's options to the connection.
    #[cfg(target_os = "linux")]
    fn admit(&self, _: &TcpStream) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn admit(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        listener::set_connection_options(&socket2::SockRef::from(stream), &self.options)
    }

    /// Waits for a client or a wake-up, and says whether a client has come.
    fn wait_for_client(&self) -> io::Result<bool> {
        let mut descriptors = [
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) => {}
            // A signal handler ran, and has written its wake-up.
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let [client, woken] = descriptors.map(|descriptor| descriptor.any().unwrap_or(true));
        if woken {
            self.pipe.forget_wakeups();
        }
        Ok(client)
    }
}
