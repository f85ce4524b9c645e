//! The end of a connection whose client may still be sending.
//!
//! A close over input that was not read sends a reset, and a reset may destroy the last answer on
//! its way (RFC 2525, section 2.17). So the server ends its own side, then reads and discards until
//! the client has ended the other: nginx calls that a *lingering close*. It is not the socket option
//! SO_LINGER, which decides whether `close(2)` waits.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};

use crate::Connection;

/// How long a server that has sent its last answer waits for the client to receive it.
pub const LINGER: Duration = Duration::from_secs(1);

/// How often a [`LingeringThread`] looks at its connections.
const LOOK: Duration = Duration::from_millis(10);

/// Whether the kernel holds input from the client that was not read. Does not block.
pub(crate) fn has_unread(stream: &impl AsFd) -> bool {
    let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    // Asked first, since a call that fails costs a forked child three more page faults.
    matches!(poll(&mut descriptor, PollTimeout::ZERO), Ok(1..))
        // Input, or the end of it.
        && matches!(recv(stream.as_fd().as_raw_fd(), &mut [0], flags), Ok(1..))
}

/// Reads and discards, on a connection whose sending side was ended, until the client ends its own. Blocks
/// for [`LINGER`] at most.
///
/// # Errors
///
/// When the connection fails, or the client has not ended it in time.
// Kept out of line: its buffer would lie on the stack of every connection, lingering or not.
#[inline(never)]
pub fn linger(mut stream: &TcpStream) -> io::Result<()> {
    let end = Instant::now() + LINGER;
    let mut discarded = [0; 4096];
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        // A time-out of zero would mean to wait forever.
        stream.set_read_timeout(Some(rest.max(Duration::from_millis(1))))?;
        match stream.read(&mut discarded) {
            Ok(1..) if !rest.is_zero() => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ended => return ended.map(drop),
        }
    }
}

/// A thread that lingers for the workers of a pool, so that a client that was refused does not hold a
/// worker. It sleeps while no connection lingers.
#[derive(Clone, Debug)]
pub struct LingeringThread {
    leaving: Sender<Connection>,
}

impl LingeringThread {
    /// Starts the thread. It ends with the last clone of this value and the last connection.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let (leaving, arriving) = mpsc::channel();
        thread::Builder::new().name("linger".to_owned()).spawn(move || see_off(&arriving))?;
        Ok(LingeringThread { leaving })
    }

    /// Takes a connection over, and closes it when its client has received the last answer.
    pub fn take(&self, connection: Connection) {
        if connection.stream().set_nonblocking(true).is_ok() {
            // It fails only when the thread has gone, and then the connection is closed at once.
            let _ = self.leaving.send(connection);
        }
    }
}

/// The lingering thread.
fn see_off(arriving: &Receiver<Connection>) {
    let mut lingering: Vec<(Instant, Connection)> = Vec::new();
    let mut looked = Instant::now();
    loop {
        let next = match lingering.is_empty() {
            true => arriving.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => arriving.recv_timeout(LOOK),
        };
        let end = Instant::now() + LINGER;
        match next {
            Ok(connection) => lingering.push((end, connection)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if lingering.is_empty() => return,
            // Without a channel to wait on.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
        }
        lingering.extend(arriving.try_iter().map(|connection| (end, connection)));
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            lingering
                .retain(|(end, connection)| looked < *end && !discard_input(connection.stream()));
        }
    }
}

/// Reads and discards what has come, and returns whether the input has ended.
fn discard_input(mut stream: &TcpStream) -> bool {
    let mut discarded = [0; 4096];
    // A client that floods must not make the others wait.
    for _ in 0..16 {
        match stream.read(&mut discarded) {
            Ok(1..) => {}
            Ok(0) => return true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
    false
}
