//! One connection, one message after the other, each answer compared with what was sent.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use protocol::{DecodeError, Decoder, Framing};

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

/// What can go wrong, in words that say what happened and what to try.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Nobody listens at the address.
    #[error("no server at {0}; start one: cargo run -p thread-server -- --addr {0}")]
    NoServer(SocketAddr),
    /// The connection could not be opened for another reason.
    #[error("cannot connect to {0}: {1}; is the address right?")]
    Unreachable(SocketAddr, io::Error),
    /// The answer did not come in time.
    #[error(
        "no answer within {}; the server is busy with other clients or slow (see --timeout), \
         or expects another --framing", humantime::format_duration(*.0)
    )]
    TimedOut(Duration),
    /// The server ended the connection while an answer was due.
    #[error(
        "the server closed the connection (end of file) and did not answer; what does its log say?"
    )]
    ClosedEarly,
    /// The server's side died, or it closed over what was sent to it.
    #[error("the connection was reset before the answer came; what does the server's log say?")]
    Reset,
    /// The answer is the server's `ERROR` line.
    #[error("the server refused it: {0}; what are its --max-message and --framing?")]
    Refused(String),
    /// The answer is not what was sent.
    #[error("wrong answer: sent {sent:?}, received {received:?}; is it an echo server?")]
    WrongAnswer {
        /// What was sent.
        sent: String,
        /// What had arrived when the difference was seen.
        received: String,
    },
    /// The server answered `Bye` instead of closing.
    #[error(
        "the server answered Bye with {0:?} and did not close; does it expect another --framing?"
    )]
    ByeAnswered(String),
    /// The answer is not a message.
    #[error("cannot understand the answer: {0}; is it an echo server?")]
    NoMessage(#[from] DecodeError),
    /// Anything else that the network did.
    #[error("the connection failed: {0}; what does the server's log say?")]
    Failed(io::Error),
}

impl Conversation {
    /// Connects to `server`, and waits for `timeout` at most, now and for each answer.
    ///
    /// # Errors
    ///
    /// When nobody accepts the connection in time.
    pub fn open(server: SocketAddr, framing: Framing, timeout: Duration) -> Result<Self, Problem> {
        let stream = connect(server, timeout)?;
        stream.set_write_timeout(Some(timeout)).map_err(Problem::Failed)?;
        Ok(Conversation {
            stream,
            decoder: Decoder::new(framing, LONGEST_ANSWER),
            framing,
            timeout,
        })
    }

    /// Sends `text` as a message and returns its echo, without the line end.
    ///
    /// # Errors
    ///
    /// When anything but this echo comes back, or nothing does.
    pub fn exchange(&mut self, text: &str) -> Result<String, Problem> {
        let sent = self.send(text)?;
        let mut received = String::new();
        while received.len() < sent.len() {
            received += &self.next_message()?.ok_or(Problem::ClosedEarly)?;
            if !sent.starts_with(&received) {
                return Err(wrong(sent, received));
            }
        }
        Ok(text.to_owned())
    }

    /// Says `Bye` and waits for the server to close the connection.
    ///
    /// # Errors
    ///
    /// When it does anything else.
    pub fn say_bye(mut self) -> Result<(), Problem> {
        self.send("Bye")?;
        match self.next_message()? {
            None => Ok(()),
            Some(answer) => Err(Problem::ByeAnswered(answer)),
        }
    }

    fn send(&mut self, text: &str) -> Result<String, Problem> {
        let message = format!("{text}{}", self.framing.line_end());
        self.stream.write_all(message.as_bytes()).map_err(|error| self.problem(error))?;
        Ok(message)
    }

    /// The next message, or `None` at the end of the connection.
    fn next_message(&mut self) -> Result<Option<String>, Problem> {
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
            self.stream.set_read_timeout(Some(rest)).map_err(Problem::Failed)?;
            match self.stream.read(self.decoder.space()) {
                Ok(count) => {
                    self.decoder.received(count);
                    ended = count == 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.problem(error)),
            }
            if !ended && Instant::now() >= end {
                return Err(Problem::TimedOut(self.timeout));
            }
        }
    }

    fn problem(&self, error: io::Error) -> Problem {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Problem::TimedOut(self.timeout),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Problem::Reset,
            _ => Problem::Failed(error),
        }
    }
}

/// Connects to `server`, without Nagle's delay, and waits for `timeout` at most.
///
/// # Errors
///
/// When nobody accepts the connection in time.
pub fn connect(server: SocketAddr, timeout: Duration) -> Result<TcpStream, Problem> {
    let stream =
        TcpStream::connect_timeout(&server, timeout).map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => Problem::NoServer(server),
            _ => Problem::Unreachable(server, error),
        })?;
    stream.set_nodelay(true).map_err(Problem::Failed)?;
    Ok(stream)
}

fn wrong(sent: String, received: String) -> Problem {
    match received.strip_prefix("ERROR ") {
        Some(reason) => Problem::Refused(reason.trim_end().to_owned()),
        None => Problem::WrongAnswer { sent, received },
    }
}
