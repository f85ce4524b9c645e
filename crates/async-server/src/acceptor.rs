//! Waiting for the next client: first for a place, then for the client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use server_core::{AcceptPolicy, Options};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::runtime::asynchronous;

pub(crate) struct Acceptor {
    listener: TcpListener,
    /// One for each connection that may be open. A task holds its own, and its end gives it back.
    places: Arc<Semaphore>,
    policy: AcceptPolicy,
}

/// A connection that has its place.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) place: OwnedSemaphorePermit,
}

impl Acceptor {
    pub(crate) fn new(listener: std::net::TcpListener, options: &Options) -> io::Result<Self> {
        Ok(Acceptor {
            listener: asynchronous(listener)?,
            places: Arc::new(Semaphore::new(options.max_connections)),
            policy: AcceptPolicy::default(),
        })
    }

    /// The next connection. While `--max-connections` are open, further clients stay in the backlog. Loses
    /// nothing where it is dropped while it waits.
    ///
    /// # Errors
    ///
    /// When the listener is broken.
    // ANCHOR: next
    pub(crate) async fn next(&mut self) -> io::Result<Accepted> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return Ok(Accepted { stream, peer, place }),
                Err(error) => sleep(self.policy.pause_after(&error).ok_or(error)?).await,
            }
        }
    }
    // ANCHOR_END: next
}
