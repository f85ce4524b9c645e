//! One connection of a load: what it has sent, what it waits for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::Farewell;
use super::failure::Failure;
use crate::source::socket_to;

pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    message: Vec<u8>,
    /// How much of the message was written, and how much of its echo has come.
    written: usize,
    echoed: usize,
    pub(super) opened: Instant,
    /// When the last message was meant to be sent.
    pub(super) intended: Instant,
    /// Since when the connection has owed something: itself, an echo, or its end.
    pub(super) waiting_since: Instant,
    /// How many messages were answered.
    pub(super) messages: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The handshake is under way.
    Opening,
    /// There is nothing to wait for.
    Idle,
    /// A message is on its way, or its echo.
    Talking,
    /// The farewell is on its way, or the end.
    Leaving,
}

/// How far a connection came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Established,
    Answered,
    Ended,
}

impl Connection {
    /// Begins to open a connection, for messages of `message_size` bytes.
    pub(super) fn open(
        server: SocketAddr,
        number: usize,
        registry: &Registry,
        message_size: usize,
    ) -> Result<Self, Failure> {
        let opened = Instant::now();
        let mut message = vec![b'x'; message_size];
        message[message_size - 1] = b'\n';
        Ok(Connection {
            stream: connect(server, number, registry)?,
            state: State::Opening,
            message,
            written: 0,
            echoed: 0,
            opened,
            intended: opened,
            waiting_since: opened,
            messages: 0,
        })
    }

    pub(super) fn is_opening(&self) -> bool {
        self.state == State::Opening
    }

    /// Whether a message was sent and its echo has not come yet.
    pub(super) fn is_talking(&self) -> bool {
        self.state == State::Talking
    }

    /// Whether the server owes something.
    pub(super) fn is_waiting(&self) -> bool {
        self.state != State::Idle
    }

    /// Starts to send the next message. The last one was answered.
    pub(super) fn send(
        &mut self,
        number: u64,
        intended: Instant,
        now: Instant,
    ) -> Result<(), Failure> {
        write_number(number, &mut self.message[..8]);
        (self.intended, self.waiting_since) = (intended, now);
        (self.state, self.written, self.echoed) = (State::Talking, 0, 0);
        self.write()
    }

    /// Starts to leave. The last message was answered.
    pub(super) fn leave(&mut self, farewell: Farewell, now: Instant) -> Result<(), Failure> {
        (self.state, self.waiting_since) = (State::Leaving, now);
        match farewell {
            Farewell::HalfClose => match self.stream.shutdown(Shutdown::Write) {
                // The server has ended the connection just now, and will be seen to have.
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                result => result?,
            },
            Farewell::Bye => {
                (self.message, self.written) = (b"Bye\n".to_vec(), 0);
                self.write()?;
            }
        }
        Ok(())
    }

    /// Writes and reads what can be written and read without waiting.
    pub(super) fn advance(&mut self, event: &Event, space: &mut [u8]) -> Result<Progress, Failure> {
        if self.state == State::Opening {
            return self.establish(event);
        }
        self.write()?;
        if event.is_readable() { self.read(space) } else { Ok(Progress::Waiting) }
    }

    fn establish(&mut self, event: &Event) -> Result<Progress, Failure> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error.into());
        }
        if !event.is_writable() {
            return Ok(Progress::Waiting);
        }
        (self.state, self.written) = (State::Idle, self.message.len());
        Ok(Progress::Established)
    }

    fn write(&mut self) -> Result<(), Failure> {
        while self.written < self.message.len() {
            match self.stream.write(&self.message[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if not_yet(&error) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads until the echo or the end is there, or nothing more is.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Result<Progress, Failure> {
        loop {
            let count = match self.stream.read(space) {
                Ok(0) if self.state == State::Leaving => return Ok(Progress::Ended),
                Ok(0) => return Err(Failure::ClosedEarly),
                Ok(count) => count,
                Err(error) if not_yet(&error) => return Ok(Progress::Waiting),
                Err(error) => return Err(error.into()),
            };
            self.compare(&space[..count])?;
            if self.echoed == self.message.len() {
                self.messages += 1;
                self.state = State::Idle;
                return Ok(Progress::Answered);
            }
            if count < space.len() {
                return Ok(Progress::Waiting);
            }
        }
    }

    fn compare(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let expected = match self.state {
            State::Talking => &self.message[self.echoed..],
            // Whatever comes was not asked for.
            _ => &[],
        };
        if expected.starts_with(bytes) {
            self.echoed += bytes.len();
            return Ok(());
        }
        let echoed = if self.state == State::Talking { &self.message[..self.echoed] } else { &[] };
        let received = String::from_utf8_lossy(&[echoed, bytes].concat()).into_owned();
        let sent = match self.state {
            State::Talking => String::from_utf8_lossy(&self.message).into_owned(),
            State::Leaving => "the end of the connection".to_owned(),
            _ => "nothing".to_owned(),
        };
        Err(Failure::WrongEcho { sent, received })
    }
}

fn connect(server: SocketAddr, number: usize, registry: &Registry) -> io::Result<TcpStream> {
    let socket = socket_to(server)?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let mut stream = TcpStream::from_std(socket.into());
    registry.register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// Fills `digits` with the last decimal digits of `number`.
fn write_number(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Whether the call would have waited: for room, for data, or for the connection itself.
fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_their_digits_and_wrap() {
        let mut digits = *b"xxxxxxxx";
        write_number(42, &mut digits);
        assert_eq!(&digits, b"00000042");
        write_number(9_876_543_210, &mut digits);
        assert_eq!(&digits, b"76543210");
    }
}
