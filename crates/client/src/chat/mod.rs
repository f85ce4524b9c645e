//! `client chat`: what is typed goes to the server, what it answers is printed.
//!
//! A client at a keyboard waits for two things at once: its user, and its server. [`watching`]
//! waits for both and learns of the server's end at once. [`blocking`] waits for one after the
//! other, as the first program of every student does, and learns of the end when it next writes
//! and reads: W. R. Stevens, *UNIX Network Programming*, volume 1, chapters 5 and 6.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::ensure;
use protocol::{DEFAULT_ADDRESS, Framing};
use server_core::{framing_parser, parse_address, parse_positive_duration};
use socket2::{SockRef, TcpKeepalive};

use crate::conversation;

pub mod blocking;
pub mod watching;

/// With whom to chat, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct ChatCommand {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_address)]
    addr: SocketAddr,

    /// How messages are told apart: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = framing_parser())]
    framing: Framing,

    /// The naive loop, kept to show what it misses: read a line from the keyboard, write it to
    /// the server, read the answer
    #[arg(long)]
    blocking: bool,

    /// How long to wait for the connection
    #[arg(long, value_name = "DURATION", default_value = "30s",
        value_parser = parse_positive_duration)]
    timeout: Duration,
}

/// What told the client that the connection has ended.
#[derive(Debug)]
pub enum Cause {
    /// A read returned nothing: the server's FIN has come, and all that was before it.
    EndOfFile,
    /// A read or a write met a reset: the server's RST has come.
    Reset,
    /// A write met a connection that had been reset before: `EPIPE`.
    BrokenPipe,
    /// Nothing came back from the server's machine, not even for the kernel's own questions.
    TimedOut,
    /// Anything else.
    Failed(io::Error),
}

/// How a chat ended.
#[derive(Debug)]
pub struct End {
    /// What told the client.
    pub cause: Cause,
    /// Whether the client had said its last word: `Bye`, or the end of its input.
    pub was_asked_for: bool,
    /// How many bytes of echo were still to come.
    pub missing: usize,
}

impl End {
    /// Whether the connection ended as the client had asked, and everything was answered.
    pub fn is_good(&self) -> bool {
        matches!(self.cause, Cause::EndOfFile) && self.was_asked_for && self.missing == 0
    }
}

impl ChatCommand {
    /// Chats until either side ends it. Answers go to standard output, all else to standard error.
    ///
    /// # Errors
    ///
    /// When there is no connection, or the server ended it unasked.
    pub fn run(&self) -> anyhow::Result<()> {
        let stream = conversation::connect(self.addr, self.timeout)?;
        ask_whether_alive(&stream)?;
        eprintln!("connected to {}; a line is sent when it ends, Bye or Ctrl-D leave", self.addr);
        let (input, output) = (io::stdin(), &mut io::stdout());
        if self.blocking {
            eprintln!("blocking: while this waits for the keyboard, it does not watch the server");
            let parting = blocking::chat(&stream, input.lock(), output, self.framing)?;
            eprintln!("{parting}");
            ensure!(parting.end.is_good(), "the server ended the chat");
        } else {
            let end = watching::chat(&stream, input.as_fd(), output, self.framing)?;
            eprintln!("{end}");
            ensure!(end.is_good(), "the server ended the chat");
        }
        Ok(())
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

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset => Cause::Reset,
            ErrorKind::BrokenPipe => Cause::BrokenPipe,
            ErrorKind::TimedOut => Cause::TimedOut,
            _ => Cause::Failed(error),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::EndOfFile if self.is_good() => {
                write!(f, "the server closed the connection, as it should: end of file (FIN)")
            }
            Cause::EndOfFile if self.missing > 0 => write!(
                f,
                "the server closed the connection: end of file (FIN), {} bytes of echo missing",
                self.missing
            ),
            Cause::EndOfFile => write!(f, "the server closed the connection: end of file (FIN)"),
            Cause::Reset => {
                write!(f, "the server reset the connection (RST): answers still to come are lost")
            }
            Cause::BrokenPipe => write!(f, "the connection had been reset before (EPIPE)"),
            Cause::TimedOut => {
                write!(f, "the connection timed out: nothing came from the server's machine")
            }
            Cause::Failed(error) => write!(f, "the connection failed: {error}"),
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

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn each_error_of_the_kernel_is_told_in_words() {
        let words = |errno: Errno| {
            let cause = Cause::from(io::Error::from(errno));
            End { cause, was_asked_for: false, missing: 0 }.to_string()
        };
        assert!(words(Errno::ECONNRESET).contains("(RST)"));
        assert!(words(Errno::EPIPE).contains("(EPIPE)"));
        assert!(words(Errno::ETIMEDOUT).contains("timed out"));
        assert!(words(Errno::ENETDOWN).contains("failed"));
    }
}
