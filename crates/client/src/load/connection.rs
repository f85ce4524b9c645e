//! One connection of a load: what it has sent, what it waits for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use protocol::BUSY;
use server_core::Ending;

use crate::failure::Failure;
use crate::source::socket_to;

pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    message: Vec<u8>,
    /// How much of the message was written, and how much of its echo has come.
    written: usize,
    echoed: usize,
    pub(super) opened: Instant,
    /// When the message was due that the connection was opened for.
    pub(super) due: Option<Instant>,
    /// When the last message was meant to be sent.
    pub(super) intended: Instant,
    /// Since when the connection has owed something: itself, an echo, or its end.
    pub(super) waiting_since: Instant,
    /// How many messages were answered.
    pub(super) messages: u64,
    /// Whether the server's end has come. Events come once (they are edge-triggered), so what
    /// this one told must be kept for when all that came before it was read.
    server_ended: bool,
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
    /// Begins to open a connection, for messages that are this one with numbers in it.
    pub(super) fn open(
        server: SocketAddr,
        number: usize,
        registry: &Registry,
        message: Vec<u8>,
    ) -> Result<Self, Failure> {
        let opened = Instant::now();
        Ok(Connection {
            stream: connect(server, number, registry)?,
            state: State::Opening,
            message,
            written: 0,
            echoed: 0,
            opened,
            due: None,
            intended: opened,
            waiting_since: opened,
            messages: 0,
            server_ended: false,
        })
    }

    pub(super) fn is_opening(&self) -> bool {
        self.state == State::Opening
    }

    /// Whether it has a message to send, or one whose echo has not come yet.
    pub(super) fn has_message(&self) -> bool {
        self.state == State::Talking || self.due.is_some()
    }

    /// Whether the server owes something.
    pub(super) fn is_waiting(&self) -> bool {
        self.state != State::Idle
    }

    /// Takes `time` out of its past.
    pub(super) fn put_off(&mut self, time: Duration) {
        for moment in [&mut self.opened, &mut self.intended, &mut self.waiting_since] {
            *moment += time;
        }
        self.due = self.due.map(|due| due + time);
    }

    /// Starts to send the next message. The last one was answered.
    pub(super) fn send(
        &mut self,
        number: u64,
        intended: Instant,
        now: Instant,
    ) -> Result<(), Failure> {
        (self.intended, self.waiting_since) = (intended, now);
        (self.state, self.written, self.echoed) = (State::Talking, 0, 0);
        if self.server_ended {
            return Err(self.last_word());
        }
        number_parts(number, &mut self.message);
        self.write()
    }

    /// Why the server has ended the connection before it was asked anything: it may have said so.
    fn last_word(&mut self) -> Failure {
        let mut word = [0; BUSY.len() + 1];
        match self.stream.read(&mut word) {
            Ok(count) if &word[..count] == BUSY.as_bytes() => Failure::busy(),
            _ => Failure::EndOfFile,
        }
    }

    /// Starts to leave. The last message was answered.
    pub(super) fn leave(&mut self, farewell: Ending, now: Instant) -> Result<Progress, Failure> {
        (self.state, self.waiting_since) = (State::Leaving, now);
        match farewell {
            Ending::EndOfInput => match self.stream.shutdown(Shutdown::Write) {
                // The server has ended the connection just now, and will be seen to have.
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                result => result?,
            },
            Ending::Bye => {
                (self.message, self.written) = (b"Bye\n".to_vec(), 0);
                self.write()?;
            }
        }
        Ok(if self.server_ended { Progress::Ended } else { Progress::Waiting })
    }

    /// Writes and reads what can be written and read without waiting.
    pub(super) fn advance(&mut self, event: &Event, space: &mut [u8]) -> Result<Progress, Failure> {
        self.server_ended |= event.is_read_closed();
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
                Ok(0) => return Err(Failure::EndOfFile),
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
            if count < space.len() && !self.server_ended {
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
        if self.echoed == 0 && bytes == BUSY.as_bytes() {
            return Err(Failure::busy());
        }
        let (sent, echoed) = match self.state {
            State::Talking => (&self.message[..], self.echoed),
            _ => (&[][..], 0),
        };
        let received = [&sent[..echoed], bytes].concat();
        let same = sent.iter().zip(&received).take_while(|(one, other)| one == other).count();
        let wanted = match self.state {
            State::Leaving => "the end of the connection".to_owned(),
            _ => around(sent, same),
        };
        Err(Failure::WrongEcho { sent: wanted, received: around(&received, same) })
    }
}

/// The part of a text around a place, quoted.
fn around(text: &[u8], place: usize) -> String {
    let from = place.saturating_sub(8).min(text.len());
    let to = text.len().min(from + 40);
    let dots = |cut: bool| if cut { ".." } else { "" };
    let part = String::from_utf8_lossy(&text[from..to]);
    format!("{}{part:?}{}", dots(from > 0), dots(to < text.len()))
}

/// How many bytes lie between one number of a message and the next.
const NUMBERED_EVERY: usize = 64;

/// A message without its numbers. Each place of the load has letters of its own, and each position
/// another one than most others: bytes that were swapped, lost or sent to the wrong client show.
pub(super) fn template(place: usize, size: usize) -> Vec<u8> {
    let letter = |position: usize| {
        let mixed = (position + 7919 * place).wrapping_mul(0x9E37_79B9) >> 13;
        b'a' + (mixed % 26) as u8
    };
    let mut message: Vec<u8> = (0..size).map(letter).collect();
    message[size - 1] = b'\n';
    message
}

/// Writes a message's number at its start, and again at regular distances: an old part in a
/// new message shows.
fn number_parts(number: u64, message: &mut [u8]) {
    for part in message.chunks_mut(NUMBERED_EVERY).filter(|part| part.len() > DIGITS) {
        write_number(number, &mut part[..DIGITS]);
    }
}

const DIGITS: usize = 8;

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
    fn no_two_parts_of_a_message_are_alike_nor_two_messages() {
        let message = |place, number| {
            let mut message = template(place, 4096);
            number_parts(number, &mut message);
            message
        };
        let one = message(1, 1);
        let parts: std::collections::HashSet<_> = one.chunks(NUMBERED_EVERY).collect();
        assert_eq!(parts.len(), 4096 / NUMBERED_EVERY);
        for other in [message(2, 1), message(1, 2)] {
            let mut pairs = one.chunks(NUMBERED_EVERY).zip(other.chunks(NUMBERED_EVERY));
            assert!(pairs.all(|(one, other)| one != other));
        }
        assert!(std::str::from_utf8(&one).is_ok() && one.ends_with(b"\n"));
    }

    #[test]
    fn the_part_around_a_difference_is_shown() {
        assert_eq!(around(b"short\n", 3), "\"short\\n\"");
        let long = [b'x'; 100];
        assert_eq!(around(&long, 50), format!("..{:?}..", "x".repeat(40)));
    }

    #[test]
    fn numbers_fill_their_digits_and_wrap() {
        let mut digits = *b"xxxxxxxx";
        write_number(42, &mut digits);
        assert_eq!(&digits, b"00000042");
        write_number(9_876_543_210, &mut digits);
        assert_eq!(&digits, b"76543210");
    }
}
