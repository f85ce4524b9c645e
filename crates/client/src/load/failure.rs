//! What goes wrong with a connection of a load, and how often.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use nix::errno::Errno;

/// What went wrong with one connection.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody listens at the address.
    #[error("the connection was refused")]
    Refused,
    /// The server's side died, or closed over what was sent to it.
    #[error("the connection was reset")]
    Reset,
    /// No connection, no whole echo or no end came in time.
    #[error("not done within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The echo is not what was sent.
    #[error("received {received} for {sent}")]
    WrongEcho {
        /// The message around the first difference, quoted.
        sent: String,
        /// What had arrived there instead, quoted.
        received: String,
    },
    /// Every port of the client's address is taken, many by connections that ended a minute ago.
    #[error("no local port is left")]
    NoLocalPort,
    /// The server ended a connection that the client had not ended.
    #[error("the server closed the connection unasked")]
    ClosedEarly,
    /// Anything else that the network or this machine did.
    #[error("{0}")]
    Other(io::Error),
}

/// The kinds of [`Failure`], in the order of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// [`Failure::Refused`].
    Refused,
    /// [`Failure::Reset`].
    Reset,
    /// [`Failure::TimedOut`].
    TimedOut,
    /// [`Failure::WrongEcho`].
    WrongEcho,
    /// [`Failure::NoLocalPort`].
    NoLocalPort,
    /// [`Failure::ClosedEarly`].
    ClosedEarly,
    /// [`Failure::Other`].
    Other,
}

impl Failure {
    /// Which kind it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Failure::Refused => FailureKind::Refused,
            Failure::Reset => FailureKind::Reset,
            Failure::TimedOut(_) => FailureKind::TimedOut,
            Failure::WrongEcho { .. } => FailureKind::WrongEcho,
            Failure::NoLocalPort => FailureKind::NoLocalPort,
            Failure::ClosedEarly => FailureKind::ClosedEarly,
            Failure::Other(_) => FailureKind::Other,
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
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Failure::Reset,
            ErrorKind::ConnectionAborted => Failure::Reset,
            _ => Failure::Other(error),
        }
    }
}

impl FailureKind {
    /// All kinds, in the order of a report.
    pub const ALL: [FailureKind; 7] = [
        FailureKind::Refused,
        FailureKind::Reset,
        FailureKind::TimedOut,
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
            FailureKind::WrongEcho => "wrong echo",
            FailureKind::NoLocalPort => "no local port",
            FailureKind::ClosedEarly => "closed early",
            FailureKind::Other => "other",
        })
    }
}

/// How many failures of each kind there were, and the first of each.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    counts: [u64; FailureKind::ALL.len()],
    first: [Option<String>; FailureKind::ALL.len()],
}

impl Failures {
    pub(super) fn add(&mut self, failure: &Failure) {
        let index = failure.kind() as usize;
        self.counts[index] += 1;
        self.first[index].get_or_insert_with(|| failure.to_string());
    }

    /// How many there were of one kind.
    pub fn count(&self, kind: FailureKind) -> u64 {
        self.counts[kind as usize]
    }

    /// The first of a kind, in words.
    pub fn first(&self, kind: FailureKind) -> Option<&str> {
        self.first[kind as usize].as_deref()
    }

    /// How many there were of all kinds.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
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
    fn each_kind_is_counted_apart_and_its_first_case_is_kept() {
        let mut failures = Failures::default();
        for seconds in [1, 2] {
            failures.add(&Failure::TimedOut(Duration::from_secs(seconds)));
        }
        failures.add(&Failure::Refused);
        for kind in FailureKind::ALL {
            let expected = match kind {
                FailureKind::TimedOut => 2,
                FailureKind::Refused => 1,
                _ => 0,
            };
            assert_eq!(failures.count(kind), expected, "{kind}");
        }
        assert_eq!(failures.first(FailureKind::TimedOut), Some("not done within 1s"));
        assert_eq!(failures.total(), 3);
    }
}
