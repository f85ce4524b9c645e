//! Waiting for the next client, as `server_core::Acceptor` does, with an `await` for each wait.

use std::io;
use std::net::SocketAddr;

use server_core::{AcceptPolicy, Options, ShutdownSignal, Waker};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::sleep;

pub(crate) struct Acceptor {
    listener: TcpListener,
    signal: &'static ShutdownSignal,
    wakeups: UnixStream,
    max_connections: usize,
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
            max_connections: options.max_connections,
            policy: AcceptPolicy::default(),
        })
    }

    /// What wakes [`next`](Self::next), so that it asks again how many connections are open.
    pub(crate) fn waker(&self) -> Waker {
        self.signal.waker()
    }

    /// The next connection, or `None` once the shutdown was requested. Loses nothing when it
    /// turns from one wait to another.
    pub(crate) async fn next(
        &mut self,
        open: impl Fn() -> usize,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        while !self.signal.requested() {
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
