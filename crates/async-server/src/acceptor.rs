//! Waiting for the next client, as `server_core::Acceptor` does, with an `await` for each wait.

use std::io;
use std::net::SocketAddr;

use server_core::{AcceptPolicy, Options, SHUTDOWN_SIGNALS, SelfPipe, Shutdown, Waker};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::sleep;

pub(crate) struct Acceptor {
    listener: TcpListener,
    shutdown: &'static Shutdown,
    waker: Waker,
    wakeups: UnixStream,
    max_connections: usize,
    policy: AcceptPolicy,
    broken: Option<io::Error>,
}

impl Acceptor {
    pub(crate) fn new(listener: TcpListener, options: &Options) -> io::Result<Self> {
        let pipe = SelfPipe::new()?;
        pipe.waker().wake_on(&SHUTDOWN_SIGNALS)?;
        Ok(Acceptor {
            listener,
            shutdown: Shutdown::get()?,
            waker: pipe.waker(),
            wakeups: UnixStream::from_std(pipe.wakeups()?)?,
            max_connections: options.max_connections,
            policy: AcceptPolicy::default(),
            broken: None,
        })
    }

    /// What wakes [`next`](Self::next), so that it asks again how many connections are open.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The next connection, or `None` once the shutdown was requested or the listener is broken:
    /// [`close`](Self::close) tells which.
    pub(crate) async fn next(
        &mut self,
        open: impl Fn() -> usize,
    ) -> Option<(TcpStream, SocketAddr)> {
        self.try_next(open).await.unwrap_or_else(|error| {
            self.broken = Some(error);
            None
        })
    }

    /// Loses nothing when it turns from one wait to another.
    async fn try_next(
        &mut self,
        open: impl Fn() -> usize,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        while !self.shutdown.requested() {
            let has_room = open() < self.max_connections;
            tokio::select! {
                biased;
                accepted = accept(&self.listener, &mut self.policy), if has_room => {
                    return accepted.map(Some);
                }
                woken = self.wakeups.readable() => {
                    woken?;
                    // How many wake-ups there were makes no difference.
                    let _ = self.wakeups.try_read(&mut [0; 64]);
                }
            }
        }
        Ok(None)
    }

    /// Stops listening, and returns what broke the listener, if that is why.
    pub(crate) fn close(self) -> io::Result<()> {
        self.broken.map_or(Ok(()), Err)
    }
}

async fn accept(
    listener: &TcpListener,
    policy: &mut AcceptPolicy,
) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => sleep(policy.pause_after(&error).ok_or(error)?).await,
        }
    }
}
