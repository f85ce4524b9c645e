//! Waiting for the next client, as `server_core::Acceptor` does, with an `await` for each wait.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use server_core::{AcceptPolicy, Options, ShutdownSignal};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

pub(crate) struct Acceptor {
    listener: TcpListener,
    signal: &'static ShutdownSignal,
    wakeups: UnixStream,
    /// A permit for each connection that `--max-connections` leaves room for.
    room: Arc<Semaphore>,
    policy: AcceptPolicy,
}

impl Acceptor {
    pub(crate) fn new(listener: std::net::TcpListener, options: &Options) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let signal = ShutdownSignal::get()?;
        Ok(Acceptor {
            listener: TcpListener::from_std(listener)?,
            signal,
            wakeups: UnixStream::from_std(signal.wakeups()?)?,
            room: Arc::new(Semaphore::new(options.max_connections)),
            policy: AcceptPolicy::default(),
        })
    }

    /// The next connection and its place, or `None` once the shutdown was requested.
    pub(crate) async fn next(
        &mut self,
    ) -> io::Result<Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)>> {
        while !self.signal.requested() {
            tokio::select! {
                biased;
                accepted = accept(&self.listener, &self.room, &mut self.policy) => {
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
}

/// Waits for a place, then for a client. Nothing is lost when it is dropped half-way.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    policy: &mut AcceptPolicy,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    loop {
        let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((stream, peer, place)),
            Err(error) => sleep(policy.pause_after(&error).ok_or(error)?).await,
        }
    }
}
