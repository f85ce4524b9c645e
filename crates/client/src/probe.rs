//! The client of those who look at a server from outside: nothing that it does waits for the server, but
//! where it says for how long.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use crate::source::socket_to;

/// What one that does not read sends at most, in bytes: far more than any buffers hold.
const STUFFING: usize = 16 << 20;

/// A connection. What cannot be sent yet is kept, and sent when somebody looks or waits.
#[derive(Debug)]
pub struct Probe {
    stream: TcpStream,
    /// All that is to be sent, and how much of it the server's side has taken.
    outgoing: Vec<u8>,
    sent: usize,
    half_close: HalfClose,
    stuffed: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum HalfClose {
    NotYet,
    WhenAllIsSent,
    Done,
}

impl Probe {
    /// Connects, and waits for `longest` at most.
    ///
    /// # Errors
    ///
    /// Those of `connect(2)`, and `ETIMEDOUT`.
    pub fn connect(server: SocketAddr, longest: Duration) -> io::Result<Self> {
        Probe::with_buffers(server, longest, None)
    }

    /// The same with buffers of this size, so that it is soon noticed when one does not read.
    ///
    /// # Errors
    ///
    /// Those of `connect(2)`, and `ETIMEDOUT`.
    pub fn with_buffers(
        server: SocketAddr,
        longest: Duration,
        bytes: impl Into<Option<usize>>,
    ) -> io::Result<Self> {
        let socket = socket_to(server)?;
        // Their size must be set before the connection is there.
        if let Some(bytes) = bytes.into() {
            socket.set_recv_buffer_size(bytes)?;
            socket.set_send_buffer_size(bytes)?;
        }
        socket.connect_timeout(&server.into(), longest)?;
        socket.set_nonblocking(true)?;
        let (outgoing, half_close) = (Vec::new(), HalfClose::NotYet);
        Ok(Probe { stream: socket.into(), outgoing, sent: 0, half_close, stuffed: 0 })
    }

    /// Its own address.
    ///
    /// # Errors
    ///
    /// Those of `getsockname(2)`.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sends these bytes. That the server closes over them shows in what comes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.outgoing.extend_from_slice(bytes.as_ref());
        self.send_more();
    }

    /// Ends the client's side behind what was sent.
    pub fn half_close(&mut self) {
        if self.half_close == HalfClose::NotYet {
            self.half_close = HalfClose::WhenAllIsSent;
        }
        self.send_more();
    }

    /// Whether the client's side has ended.
    pub fn is_half_closed(&self) -> bool {
        self.half_close == HalfClose::Done
    }

    /// What the server's side has taken.
    pub fn taken(&self) -> &[u8] {
        &self.outgoing[..self.sent]
    }

    /// Whether there is something that the server's side has not taken yet.
    pub fn has_more_to_send(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    /// Sends as many lines as the server's side takes at once, and reads no answer. Returns how many bytes it took.
    pub fn stuff(&mut self) -> usize {
        let lines = "a line that is answered and not read\n".repeat(1024);
        let before = self.stuffed;
        while self.stuffed < STUFFING {
            match self.stream.write(lines.as_bytes()) {
                Ok(count @ 1..) => self.stuffed += count,
                _ => break,
            }
        }
        self.stuffed - before
    }

    /// Whether it has ever sent so.
    pub fn is_stuffed(&self) -> bool {
        self.stuffed > 0
    }

    /// Takes what has come, without waiting: how many bytes, 0 at the end of the connection, or nothing yet.
    ///
    /// # Errors
    ///
    /// Those of `read(2)`, such as a reset.
    pub fn look(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        self.send_more();
        unless_blocked(|| self.stream.read(bytes))
    }

    /// The same, and leaves it where it is.
    ///
    /// # Errors
    ///
    /// Those of `recv(2)`.
    pub fn peek(&self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(|| self.stream.peek(bytes))
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        // Where it fails the connection is closed and not reset: a milder case of the same.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// The connection, which does not block, for a caller that has more to do with it.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn send_more(&mut self) {
        while self.has_more_to_send() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The connection has ended: nothing more can be sent.
                Err(_) => self.outgoing.truncate(self.sent),
            }
        }
        if self.half_close == HalfClose::WhenAllIsSent {
            self.half_close = HalfClose::Done;
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// Waits until there is something to look at for one of these, or room to send what is left, or for so long.
pub fn wait<'a>(probes: impl IntoIterator<Item = &'a Probe>, longest: Duration) {
    let interest = |it: &'a Probe| {
        let mut events = PollFlags::POLLIN;
        events.set(PollFlags::POLLOUT, it.has_more_to_send());
        PollFd::new(it.stream.as_fd(), events)
    };
    let mut interests: Vec<PollFd<'_>> = probes.into_iter().map(interest).collect();
    let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
    // An interrupted wait is as good as an event: the caller looks again.
    let _ = poll(&mut interests, timeout);
}

/// Nothing where there is nothing to read yet.
fn unless_blocked(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_the_server_does_not_take_at_once_is_sent_later_and_the_end_behind_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut probe = Probe::connect(listener.local_addr().unwrap(), LONG).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let message = vec![b'x'; STUFFING];
        probe.send(&message);
        probe.half_close();
        assert!(probe.has_more_to_send() && !probe.is_half_closed());
        let reader = thread::spawn(move || {
            let mut received = Vec::new();
            server.read_to_end(&mut received).map(|_| received)
        });
        let mut bytes = [0; 16];
        while probe.look(&mut bytes).unwrap().is_none() {
            wait([&probe], LONG);
        }
        assert!(probe.is_half_closed());
        assert!(reader.join().unwrap().unwrap() == message, "what was sent has arrived");
    }
}
