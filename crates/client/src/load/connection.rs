//! One connection of a load: what it has sent, what it waits for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::LoadError;
use crate::source::socket_to;

pub(super) struct Connection {
    number: usize,
    stream: TcpStream,
    state: State,
    message: Vec<u8>,
    /// How much of the message was written, and how much of its echo has come.
    written: usize,
    echoed: usize,
    pub(super) opened: Instant,
    pub(super) sent: Instant,
    /// How many messages were answered.
    pub(super) messages: u64,
}

#[derive(PartialEq, Eq)]
enum State {
    /// A message is on its way, or its echo.
    Talking,
    /// `Bye` is on its way, or the end.
    Leaving,
}

/// How far a connection came.
pub(super) enum Progress {
    Waiting,
    Answered,
    Ended,
}

impl Connection {
    /// Opens a connection and sends the first message as soon as it is established.
    pub(super) fn open(
        server: SocketAddr,
        number: usize,
        registry: &Registry,
        message: Vec<u8>,
    ) -> Result<Self, LoadError> {
        let opened = Instant::now();
        let failed = |error| LoadError::Connection { number, error };
        let stream = connect(server, number, registry).map_err(failed)?;
        let mut connection = Connection {
            number,
            stream,
            state: State::Talking,
            message,
            written: 0,
            echoed: 0,
            opened,
            sent: opened,
            messages: 0,
        };
        connection.write()?;
        Ok(connection)
    }

    /// Starts to send the next message. The last one was answered.
    pub(super) fn send(&mut self, message: Vec<u8>, now: Instant) -> Result<(), LoadError> {
        (self.message, self.written, self.echoed, self.sent) = (message, 0, 0, now);
        self.write()
    }

    /// Starts to say `Bye`. The last message was answered.
    pub(super) fn say_bye(&mut self) -> Result<(), LoadError> {
        self.state = State::Leaving;
        self.send(b"Bye\n".to_vec(), self.sent)
    }

    /// Writes and reads what can be written and read without waiting.
    pub(super) fn advance(
        &mut self,
        readable: bool,
        space: &mut [u8],
    ) -> Result<Progress, LoadError> {
        self.write()?;
        if readable { self.read(space) } else { Ok(Progress::Waiting) }
    }

    fn write(&mut self) -> Result<(), LoadError> {
        while self.written < self.message.len() {
            match self.stream.write(&self.message[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if not_yet(&error) => return Ok(()),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Reads until the echo or the end is there, or nothing more is.
    fn read(&mut self, space: &mut [u8]) -> Result<Progress, LoadError> {
        loop {
            let count = match self.stream.read(space) {
                Ok(0) if self.state == State::Leaving => return Ok(Progress::Ended),
                Ok(0) => return Err(self.unexpected("closed the connection and did not answer")),
                Ok(count) => count,
                Err(error) if not_yet(&error) => return Ok(Progress::Waiting),
                Err(error) => return Err(self.failed(error)),
            };
            self.compare(&space[..count])?;
            if self.echoed == self.message.len() {
                self.messages += 1;
                return Ok(Progress::Answered);
            }
            if count < space.len() {
                return Ok(Progress::Waiting);
            }
        }
    }

    fn compare(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        if self.state == State::Leaving {
            return Err(self.unexpected("answered Bye and did not close"));
        }
        if self.message[self.echoed..].starts_with(bytes) {
            self.echoed += bytes.len();
            return Ok(());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let received = [&self.message[..self.echoed], bytes].concat();
        Err(LoadError::WrongEcho {
            number: self.number,
            sent: text(&self.message),
            received: text(&received),
        })
    }

    fn failed(&self, error: io::Error) -> LoadError {
        LoadError::Connection { number: self.number, error }
    }

    fn unexpected(&self, what: &'static str) -> LoadError {
        LoadError::Unexpected { number: self.number, what }
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

/// Whether the call would have waited: for room, for data, or for the connection itself.
fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
