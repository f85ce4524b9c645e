//! Reading and writing as futures: try, and wait where that would block.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};

use crate::reactor::{self, Direction};

/// A socket whose waits are `await`s.
#[derive(Debug)]
pub struct Socket<S: Source> {
    source: S,
    key: usize,
}

impl<S: Source> Socket<S> {
    /// Has this thread's reactor watch a socket.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn new(mut source: S) -> io::Result<Self> {
        let key = reactor::register(&mut source)?;
        Ok(Socket { source, key })
    }

    /// Waits until there may be something to read.
    ///
    /// # Errors
    ///
    /// When there is no reactor to wait for.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| reactor::poll_ready(self.key, Direction::Read, context)).await
    }

    /// Waits until there may be room to write.
    ///
    /// # Errors
    ///
    /// When there is no reactor to wait for.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| reactor::poll_ready(self.key, Direction::Write, context)).await
    }

    // ANCHOR: when_ready
    /// Tries until it does not block.
    async fn when_ready<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match direction {
                Direction::Read => self.readable().await?,
                Direction::Write => self.writable().await?,
            }
            match attempt(&self.source) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    reactor::would_block(self.key, direction);
                }
                result => return result,
            }
        }
    }
    // ANCHOR_END: when_ready
}

impl Socket<TcpStream> {
    /// Reads what has come, or waits for it.
    ///
    /// # Errors
    ///
    /// Those of `read(2)`.
    pub async fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        self.when_ready(Direction::Read, |mut stream| stream.read(space)).await
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// Those of `write(2)`.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.when_ready(Direction::Write, |mut stream| stream.write(bytes)).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

impl Socket<TcpListener> {
    /// Takes the next connection, or waits for it.
    ///
    /// # Errors
    ///
    /// Those of `accept(2)`.
    pub async fn accept(&self) -> io::Result<(Socket<TcpStream>, SocketAddr)> {
        let (stream, peer) = self.when_ready(Direction::Read, TcpListener::accept).await?;
        Ok((Socket::new(stream)?, peer))
    }
}

impl<S: Source> Drop for Socket<S> {
    fn drop(&mut self) {
        reactor::forget(self.key);
    }
}
