//! Waiting for the next client.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{debug, warn};

#[cfg(not(target_os = "linux"))]
use crate::listener;
use crate::{Gate, Options, SelfPipe, Shutdown, Waker, outlast};

/// The listener of a blocking server: waits for a client, for room to serve it, or for the
/// shutdown, whichever comes first.
#[derive(Debug)]
pub struct Acceptor {
    /// None when it is closed.
    listener: Option<TcpListener>,
    pipe: Arc<SelfPipe>,
    gate: Gate,
    /// What each connection is told. Linux copies it from the listener.
    #[cfg(not(target_os = "linux"))]
    options: Options,
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
        pipe.waker().wake_on(Shutdown::signals())?;
        let listener = Some(listener);
        Ok(Acceptor {
            listener,
            pipe,
            gate: Gate::new(options)?,
            #[cfg(not(target_os = "linux"))]
            options: options.clone(),
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
    /// [`close`](Self::close) says which. Blocks until then.
    ///
    /// While `open` says that `--max-connections` are open, further clients stay in the backlog.
    pub fn next(&mut self, mut open: impl FnMut() -> usize) -> Option<(TcpStream, SocketAddr)> {
        self.try_next(&mut open).unwrap_or_else(|error| {
            self.gate.broke(error);
            None
        })
    }

    fn try_next(
        &mut self,
        open: &mut dyn FnMut() -> usize,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let Some(listener) = &self.listener else { return Ok(None) };
        let mut ready = true;
        while !self.gate.is_closed() {
            if self.gate.room_beside(open()) == 0 {
                self.pipe.wait(self.gate.resume())?;
                continue;
            }
            if !ready {
                ready = self.wait_for_client(listener)?;
                continue;
            }
            match listener.accept() {
                Ok((stream, peer)) => match self.admit(&stream) {
                    Ok(()) => {
                        debug!(event = "accepted", %peer, "accepted");
                        return Ok(Some((stream, peer)));
                    }
                    Err(error) => warn!("{peer} was gone at once: {error}"),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready = false,
                Err(error) => self.gate.failed(error),
            }
        }
        Ok(None)
    }

    /// Logs that there is no process or thread to serve `peer`, and pauses.
    pub fn reject(&mut self, peer: SocketAddr, error: &io::Error) {
        self.gate.reject(peer, error);
    }

    /// Stops listening. Clients that were not accepted are refused.
    ///
    /// # Errors
    ///
    /// What broke the listener, where that is why it is closed.
    pub fn close(mut self) -> io::Result<()> {
        self.gate.why_broken()
    }

    /// Stops listening in a forked child. All else stays as the parent made it, since each page that a child
    /// writes to is copied for it.
    pub fn close_in_child(&mut self) {
        self.listener = None;
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
    fn wait_for_client(&self, listener: &TcpListener) -> io::Result<bool> {
        let mut descriptors = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN),
        ];
        if let Err(error) = poll(&mut descriptors, PollTimeout::NONE) {
            return outlast(error.into()).map(|()| false);
        }
        let [client, woken] = descriptors.map(|descriptor| descriptor.any().unwrap_or(true));
        if woken {
            self.pipe.forget_wakeups();
        }
        Ok(client)
    }
}
