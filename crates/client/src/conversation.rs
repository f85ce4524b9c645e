//! One connection, one message after the other, each answer compared with what was sent.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use protocol::{Decoder, Framing};
use server_core::Addresses;

use crate::failure::Failure;

/// The longest answer that is understood, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// A time-out of zero would mean to wait forever.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// A connection to an echo server. Its calls block, each for the time-out at most.
#[derive(Debug)]
pub struct Conversation {
    stream: TcpStream,
    decoder: Decoder,
    framing: Framing,
    timeout: Duration,
}

/// Why there is no connection, and what to try.
#[derive(Debug)]
pub struct NoConnection {
    /// All addresses that were tried.
    pub server: Addresses,
    /// What went wrong with the last of them.
    pub failure: Failure,
}

impl std::error::Error for NoConnection {}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoConnection { server, failure } = self;
        match failure {
            Failure::Refused => write!(
                f,
                "no server at {server}; start one: cargo run -p thread-server -- --addr {}",
                server.first()
            ),
            _ => write!(f, "cannot connect to {server}: {failure}; is the address right?"),
        }
    }
}

impl Conversation {
    /// Connects to `server`, and waits for `timeout` at most, now and for each answer.
    ///
    /// # Errors
    ///
    /// When no server accepts the connection in time.
    pub fn open(
        server: impl Into<Addresses>,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, NoConnection> {
        let stream = connect(server, timeout)?;
        let decoder = Decoder::new(framing, LONGEST_ANSWER);
        Ok(Conversation { stream, decoder, framing, timeout })
    }

    /// The address from which the server is spoken to.
    ///
    /// # Errors
    ///
    /// Those of `getsockname(2)`.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sends `text` as a message and returns its echo, without the line end.
    ///
    /// # Errors
    ///
    /// When anything but this echo comes back, or nothing does.
    pub fn exchange(&mut self, text: &str) -> Result<String, Failure> {
        let sent = self.send(text)?;
        let mut received = String::new();
        while received.len() < sent.len() {
            received += &self.next_message()?.ok_or(Failure::EndOfFile)?;
            if !sent.starts_with(&received) {
                return Err(wrong(&sent, &received));
            }
        }
        Ok(text.to_owned())
    }

    /// Says `Bye` and waits for the server to close the connection.
    ///
    /// # Errors
    ///
    /// When it does anything else.
    pub fn say_bye(mut self) -> Result<(), Failure> {
        self.send("Bye")?;
        match self.next_message()? {
            None => Ok(()),
            Some(answer) => Err(Failure::ByeAnswered(answer)),
        }
    }

    /// Ends the client's side, which any server understands, and waits for the server to close the
    /// connection.
    ///
    /// # Errors
    ///
    /// When it does anything else.
    pub fn end_input(mut self) -> Result<(), Failure> {
        self.stream.shutdown(Shutdown::Write).map_err(|error| self.failure(error))?;
        match self.next_message()? {
            None => Ok(()),
            Some(answer) => Err(wrong("", &answer)),
        }
    }

    fn send(&mut self, text: &str) -> Result<String, Failure> {
        let message = format!("{text}{}", self.framing.line_end());
        self.stream.write_all(message.as_bytes()).map_err(|error| self.failure(error))?;
        Ok(message)
    }

    /// The next message, or `None` at the end of the connection.
    fn next_message(&mut self) -> Result<Option<String>, Failure> {
        let end = Instant::now() + self.timeout;
        let mut ended = false;
        loop {
            if let Some(message) = self.decoder.next_message()? {
                return Ok(Some(message.to_owned()));
            }
            if ended {
                return Ok(None);
            }
            let rest = end.saturating_duration_since(Instant::now()).max(SHORTEST_WAIT);
            self.stream.set_read_timeout(Some(rest)).map_err(Failure::Other)?;
            match self.stream.read(self.decoder.space()) {
                Ok(count) => {
                    self.decoder.received(count);
                    ended = count == 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
            if !ended && Instant::now() >= end {
                return Err(Failure::TimedOut(self.timeout));
            }
        }
    }

    fn failure(&self, error: io::Error) -> Failure {
        match error.kind() {
            ErrorKind::WouldBlock => Failure::TimedOut(self.timeout),
            ErrorKind::BrokenPipe => Failure::Reset,
            _ => error.into(),
        }
    }
}

/// Connects to the first of these addresses that accepts the connection, without Nagle's delay, and waits for
/// `timeout` at most: for each of them, and later for each write.
///
/// # Errors
///
/// When none accepts the connection in time.
pub fn connect(server: impl Into<Addresses>, timeout: Duration) -> Result<TcpStream, NoConnection> {
    let server = server.into();
    let connect = |address| {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(stream)
    };
    let mut connected = connect(server.first());
    for address in server.iter().skip(1) {
        connected = connected.or_else(|_| connect(address));
    }
    connected.map_err(|error: io::Error| NoConnection { server, failure: error.into() })
}

/// The answer is not the echo: it is a refusal, or wrong.
fn wrong(sent: &str, received: &str) -> Failure {
    Failure::of_error_line(received).unwrap_or_else(|| Failure::WrongEcho {
        sent: format!("{sent:?}"),
        received: format!("{received:?}"),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_addresses_of_a_host_are_tried_in_order_until_one_accepts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let closed = SocketAddr::from(([127, 0, 0, 1], 1));
        let timeout = Duration::from_secs(10);
        for order in [Addresses::new(closed, [server]), Addresses::new(server, [closed])] {
            assert_eq!(connect(order, timeout).unwrap().peer_addr().unwrap(), server);
        }
        let error = connect(closed, timeout).unwrap_err();
        assert!(error.to_string().starts_with("no server at 127.0.0.1:1;"), "{error}");
    }
}
