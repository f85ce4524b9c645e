//! What goes wrong with a connection: one vocabulary for the script, the chat and the load.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use nix::errno::Errno;
use protocol::{BUSY, DecodeError};

/// The beginning of the line by which a server refuses.
const ERROR: &str = "ERROR ";

/// What went wrong with one connection.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No server listens at the address.
    #[error("the connection was refused")]
    Refused,
    /// The server's FIN came unasked: a read returned nothing.
    #[error("the server closed the connection: end of file (FIN)")]
    EndOfFile,
    /// The server's RST came: its side died, or it closed over what was sent to it.
    #[error("the connection was reset (RST)")]
    Reset,
    /// A write met a connection that had been reset before.
    #[error("the connection had been reset before (EPIPE)")]
    BrokenPipe,
    /// No connection, no whole answer or no end came in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// Nothing came back from the server's machine, not even for the kernel's own questions.
    #[error("the connection timed out: nothing came from the server's machine")]
    Unheard,
    /// Every port of the client's address is taken, many by connections that ended a minute ago.
    #[error("no local port is left")]
    NoLocalPort,
    /// The answer is not what was sent.
    #[error("wrong answer: sent {sent}, received {received}")]
    WrongEcho {
        /// The message, quoted; of a long one the part around the first difference.
        sent: String,
        /// What had arrived in its place, quoted.
        received: String,
    },
    /// The answer is the server's `ERROR` line.
    #[error("the server refused it: {0}")]
    ErrorLine(String),
    /// The server answered `Bye` instead of closing.
    #[error("the server answered Bye with {0:?} and did not close")]
    ByeAnswered(String),
    /// The answer is not a message.
    #[error("cannot understand the answer: {0}")]
    NoMessage(#[from] DecodeError),
    /// Anything else that the network or this machine did.
    #[error("the connection failed: {0}")]
    Other(io::Error),
}

/// The kinds of [`Failure`] that a load counts, in the order of its report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// [`Failure::Refused`].
    Refused,
    /// [`Failure::Reset`] or [`Failure::BrokenPipe`].
    Reset,
    /// [`Failure::TimedOut`] or [`Failure::Unheard`].
    TimedOut,
    /// The server's line [`BUSY`].
    TurnedAway,
    /// An answer that is not what was sent.
    WrongEcho,
    /// [`Failure::NoLocalPort`].
    NoLocalPort,
    /// [`Failure::EndOfFile`].
    ClosedEarly,
    /// [`Failure::Other`].
    Other,
}

impl Failure {
    /// Whether the server has said that it is [`BUSY`].
    fn is_busy(&self) -> bool {
        matches!(self, Failure::ErrorLine(line) if BUSY.trim_end().strip_prefix(ERROR) == Some(line))
    }

    /// The failure of a client that has received the line [`BUSY`].
    pub(crate) fn busy() -> Self {
        Failure::ErrorLine(BUSY.trim_start_matches(ERROR).trim_end().to_owned())
    }

    /// The failure of a client that has received this line, if it is an `ERROR` line.
    pub(crate) fn of_error_line(line: &str) -> Option<Self> {
        Some(Failure::ErrorLine(line.strip_prefix(ERROR)?.trim_end().to_owned()))
    }

    /// Which kind it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Failure::Refused => FailureKind::Refused,
            Failure::EndOfFile => FailureKind::ClosedEarly,
            Failure::Reset | Failure::BrokenPipe => FailureKind::Reset,
            Failure::TimedOut(_) | Failure::Unheard => FailureKind::TimedOut,
            Failure::NoLocalPort => FailureKind::NoLocalPort,
            Failure::ErrorLine(_) if self.is_busy() => FailureKind::TurnedAway,
            Failure::WrongEcho { .. } | Failure::ErrorLine(_) => FailureKind::WrongEcho,
            Failure::ByeAnswered(_) | Failure::NoMessage(_) => FailureKind::WrongEcho,
            Failure::Other(_) => FailureKind::Other,
        }
    }

    /// What it is in a word or two, for a table.
    pub fn short(&self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::EndOfFile => "end of file",
            Failure::Reset => "reset",
            Failure::BrokenPipe => "EPIPE",
            Failure::TimedOut(_) | Failure::Unheard => "timed out",
            Failure::NoLocalPort => "no local port",
            Failure::ErrorLine(_) if self.is_busy() => "turned away",
            Failure::WrongEcho { .. } | Failure::ErrorLine(_) => "wrong answer",
            Failure::ByeAnswered(_) | Failure::NoMessage(_) => "wrong answer",
            Failure::Other(_) => "failed",
        }
    }

    /// What to try, for a person who talks to a server.
    pub fn hint(&self) -> &'static str {
        match self {
            Failure::Refused => "start a server: cargo run -p thread-server",
            Failure::NoLocalPort => "wait a minute",
            Failure::TimedOut(_) | Failure::Unheard => {
                "the server is busy with other clients or slow (see --timeout), or expects another \
                 --framing"
            }
            Failure::WrongEcho { .. } | Failure::NoMessage(_) => "is it an echo server?",
            Failure::ErrorLine(_) if self.is_busy() => "try again when it has fewer clients",
            Failure::ErrorLine(_) => "what are its --max-message and --framing?",
            Failure::ByeAnswered(_) => "does it expect another --framing?",
            Failure::EndOfFile | Failure::Reset | Failure::BrokenPipe | Failure::Other(_) => {
                "what does the server's log say?"
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // connect(2): a TCP connection without a port to start from is EADDRNOTAVAIL.
        if error.raw_os_error() == Some(Errno::EADDRNOTAVAIL as i32) {
            return Failure::NoLocalPort;
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Failure::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Failure::Reset,
            ErrorKind::BrokenPipe => Failure::BrokenPipe,
            ErrorKind::TimedOut => Failure::Unheard,
            _ => Failure::Other(error),
        }
    }
}

impl FailureKind {
    /// All kinds, in the order of a report.
    pub const ALL: [FailureKind; 8] = [
        FailureKind::Refused,
        FailureKind::Reset,
        FailureKind::TimedOut,
        FailureKind::TurnedAway,
        FailureKind::WrongEcho,
        FailureKind::NoLocalPort,
        FailureKind::ClosedEarly,
        FailureKind::Other,
    ];
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            FailureKind::Refused => "refused",
            FailureKind::Reset => "reset",
            FailureKind::TimedOut => "timed out",
            FailureKind::TurnedAway => "turned away",
            FailureKind::WrongEcho => "wrong echo",
            FailureKind::NoLocalPort => "no local port",
            FailureKind::ClosedEarly => "closed early",
            FailureKind::Other => "other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_reports_becomes_a_kind() {
        let kind = |errno: Errno| Failure::from(io::Error::from(errno)).kind();
        assert_eq!(kind(Errno::ECONNREFUSED), FailureKind::Refused);
        assert_eq!(kind(Errno::ECONNRESET), FailureKind::Reset);
        assert_eq!(kind(Errno::EPIPE), FailureKind::Reset);
        assert_eq!(kind(Errno::EADDRNOTAVAIL), FailureKind::NoLocalPort);
        assert_eq!(kind(Errno::EMFILE), FailureKind::Other);
    }

    #[test]
    fn each_error_of_the_kernel_is_told_in_words() {
        let words = |errno: Errno| Failure::from(io::Error::from(errno)).to_string();
        assert!(words(Errno::ECONNREFUSED).contains("refused"));
        assert!(words(Errno::ECONNRESET).contains("(RST)"));
        assert!(words(Errno::EPIPE).contains("(EPIPE)"));
        assert!(words(Errno::ETIMEDOUT).contains("timed out"));
        assert!(words(Errno::EADDRNOTAVAIL).contains("no local port"));
        assert!(words(Errno::ENETDOWN).contains("failed"));
    }
}
