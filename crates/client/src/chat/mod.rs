//! `client chat`: what is typed goes to the server, what it answers is printed.
//!
//! A client at a keyboard waits for two things at once: its user, and its server. [`watching`]
//! waits for both and learns of the server's end at once. [`blocking`] waits for one after the
//! other, as the first program of every student does, and learns of the end when it next writes
//! and reads: W. R. Stevens, *UNIX Network Programming*, volume 1, chapters 5 and 6.

use std::fmt;
use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::ensure;
use protocol::{DEFAULT_ADDRESS, Framing};
use server_core::{Addresses, framing_parser, parse_addresses, parse_positive_duration};
use socket2::{SockRef, TcpKeepalive};

use crate::conversation;
use crate::failure::Failure;

pub mod blocking;
pub mod watching;

/// With whom to chat, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct ChatCommand {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_addresses)]
    addr: Addresses,

    /// How messages are told apart: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = framing_parser())]
    framing: Framing,

    /// Use the naive loop, to show what it misses: read a line from the keyboard, write it to the
    /// server, read the answer
    #[arg(long)]
    blocking: bool,

    /// How long to wait for the connection
    #[arg(long, value_name = "DURATION", default_value = "30s",
        value_parser = parse_positive_duration)]
    timeout: Duration,
}

/// How a chat ended.
#[derive(Debug)]
pub struct End {
    /// What told the client.
    pub cause: Failure,
    /// Whether the client had asked for it: by `Bye`, or by the end of its input.
    pub was_asked_for: bool,
    /// How many bytes of echo were still to come.
    pub missing: usize,
    /// In a chat that blocks: which call told it.
    pub told_by: Option<ToldBy>,
}

/// In which call a chat that blocks learned of the end, and what that call could not tell.
#[derive(Debug)]
pub struct ToldBy {
    /// The call.
    pub call: Call,
    /// Whether the server's FIN had come before the last message was written. Only the words at
    /// the end ask for it: the loop itself does not look.
    pub fin_was_waiting: bool,
    /// What a further `write` met, where a `read` had met the end of file unasked: `EPIPE`, if
    /// the message before it was answered with RST.
    pub next_write: Option<Failure>,
}

/// The system call in which a blocking chat learns that its server has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `read`, after a `write` that succeeded.
    Read,
    /// `write`.
    Write,
}

impl End {
    /// Whether the connection ended as the client had asked, and everything was answered.
    pub fn is_good(&self) -> bool {
        matches!(self.cause, Failure::EndOfFile) && self.was_asked_for && self.missing == 0
    }
}

impl ChatCommand {
    /// Chats until either side ends it. Answers go to standard output, all else to standard error.
    ///
    /// # Errors
    ///
    /// When there is no connection, or the server ended it unasked.
    pub fn run(&self) -> anyhow::Result<()> {
        let stream = conversation::connect(self.addr.clone(), self.timeout)?;
        stream.set_write_timeout(None)?;
        ask_whether_alive(&stream)?;
        let (input, output) = (io::stdin(), &mut io::stdout());
        if input.is_terminal() {
            self.greet(stream.peer_addr()?);
        }
        let end = match self.blocking {
            true => blocking::chat(&stream, input.lock(), output, self.framing)?,
            false => watching::chat(&stream, input.as_fd(), output, self.framing)?,
        };
        if input.is_terminal() && !end.was_asked_for {
            // There may be half a line that the user was typing.
            eprintln!();
        }
        eprintln!("{end}");
        ensure!(end.is_good(), "the server ended the chat");
        Ok(())
    }

    /// Tells who types what to do.
    fn greet(&self, server: SocketAddr) {
        eprintln!("connected to {server}: each line is a message, Bye or Ctrl-D ends the chat");
        if self.blocking {
            eprintln!("blocking: while this waits for the keyboard, it does not watch the server");
        }
    }
}

/// Lets the kernel ask a silent server whether its machine is still there, so that a cut cable is
/// noticed within half a minute or so, and not never: `SO_KEEPALIVE` in socket(7).
fn ask_whether_alive(stream: &TcpStream) -> io::Result<()> {
    let (idle, again) = (Duration::from_secs(15), Duration::from_secs(5));
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(again);
    #[cfg(target_os = "linux")]
    let keepalive = keepalive.with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, &self.told_by) {
            (Failure::EndOfFile, _) if self.is_good() => {
                f.write_str("the server closed the connection, as it should: end of file (FIN)")
            }
            (cause, Some(told_by)) if !self.was_asked_for => told_by.explain(cause, f),
            (cause @ Failure::EndOfFile, _) if self.missing > 0 => {
                write!(f, "{cause}, {} bytes of echo missing", self.missing)
            }
            (Failure::Reset, _) => {
                f.write_str("the server reset the connection (RST): answers still to come are lost")
            }
            (cause, _) => write!(f, "{cause}"),
        }
    }
}

impl ToldBy {
    /// What the call met, what it could not tell, and what the next one would have told.
    fn explain(&self, cause: &Failure, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.call, cause) {
            (Call::Read, Failure::EndOfFile) if self.fin_was_waiting => f.write_str(
                "`write` succeeded: it only hands bytes to the kernel. Then `read` met the end of \
                 file: the server's FIN, which had been waiting while this client waited for the \
                 keyboard",
            )?,
            (Call::Read, Failure::EndOfFile) => f.write_str(
                "`read` met the end of file: the server closed the connection (FIN) in the place \
                 of an answer",
            )?,
            (Call::Read, Failure::Reset) => f.write_str(
                "`write` succeeded: it only hands bytes to the kernel. Then `read` met a reset \
                 (ECONNRESET): the server's machine answered the message with RST",
            )?,
            (Call::Write, Failure::Reset) => f.write_str(
                "`write` met a reset (ECONNRESET): the server's RST had been waiting while this \
                 client waited for the keyboard",
            )?,
            _ => write!(f, "{cause}")?,
        }
        match self.next_write {
            Some(Failure::BrokenPipe) => f.write_str(
                ". A further `write` failed (EPIPE): the server's machine had answered the message \
                 with RST",
            ),
            _ => Ok(()),
        }
    }
}

/// A line of input as a message: with the line end of the framing instead of its own.
fn message(line: &[u8], framing: Framing) -> Vec<u8> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    [text, framing.line_end().as_bytes()].concat()
}

/// Whether a server closes the connection for this line: the protocol's rule.
fn is_bye(line: &[u8]) -> bool {
    matches!(line, b"Bye" | b"Bye\n" | b"Bye\r\n")
}
