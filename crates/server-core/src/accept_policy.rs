//! Which failures of `accept` to survive, and how.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use tracing::warn;

use crate::throttle::{LikeIt, Throttle};

/// How long a server that lacks a resource leaves its clients in the backlog.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What to do when `accept`, or what a server does for a new connection, fails.
#[derive(Debug, Default)]
pub struct AcceptPolicy {
    log: Throttle,
}

impl AcceptPolicy {
    /// How long to wait until the next `accept`, after one that failed with `error`. `None`: there
    /// is no listener any more, and the server must end.
    ///
    /// The manual page `accept(2)` lists the errors that belong to the connection that was to be
    /// accepted; the next one may succeed. Any other error is treated as temporary: a lack of descriptors or
    /// of memory is, and an unknown error may be.
    pub fn pause_after(&mut self, error: &io::Error) -> Option<Duration> {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK | Errno::EOPNOTSUPP) => None,
            Some(Errno::EINTR | Errno::ECONNABORTED | Errno::EPROTO | Errno::ENOPROTOOPT) => {
                Some(Duration::ZERO)
            }
            Some(Errno::ENETDOWN | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::EHOSTUNREACH) => {
                Some(Duration::ZERO)
            }
            _ => {
                if let Some(more) = self.log.passes().map(LikeIt) {
                    warn!(event = "cannot accept", "cannot accept: {error}{more}");
                }
                Some(BACK_OFF)
            }
        }
    }

    /// Logs that the client at `peer` is rejected, since there is no process or thread for it,
    /// and returns how long to wait until the next `accept`.
    pub fn rejected(&mut self, peer: SocketAddr, error: &io::Error) -> Duration {
        if let Some(more) = self.log.passes().map(LikeIt) {
            warn!(event = "rejected", %peer, "rejected {peer}: {error}{more}");
        }
        BACK_OFF
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause_after(error: Errno) -> Option<Duration> {
        AcceptPolicy::default().pause_after(&error.into())
    }

    #[test]
    fn what_belongs_to_one_connection_does_not_stop_the_next() {
        for error in [Errno::EINTR, Errno::ECONNABORTED, Errno::EPROTO, Errno::ENETUNREACH] {
            assert_eq!(pause_after(error), Some(Duration::ZERO), "{error}");
        }
    }

    #[test]
    fn a_temporary_failure_is_waited_out_and_so_is_an_unknown_one() {
        for error in [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM, Errno::EPERM] {
            assert_eq!(pause_after(error), Some(BACK_OFF), "{error}");
        }
        let unknown = io::Error::other("unknown");
        assert_eq!(AcceptPolicy::default().pause_after(&unknown), Some(BACK_OFF));
    }

    #[test]
    fn without_a_listener_the_server_ends() {
        for error in [Errno::EBADF, Errno::EINVAL, Errno::ENOTSOCK] {
            assert_eq!(pause_after(error), None, "{error}");
        }
    }
}
