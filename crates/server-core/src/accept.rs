//! Waiting for the next client, and which failures of `accept` to survive.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::warn;

#[cfg(not(target_os = "linux"))]
use crate::listener;
use crate::{Options, ShutdownSignal, Waker};

/// How long a server that lacks a resource leaves its clients in the backlog.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How often a lasting lack is logged, at the most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// What to do when `accept`, or what a server does for a new connection, fails.
#[derive(Debug, Default)]
pub struct AcceptPolicy {
    logged: Option<Instant>,
    unlogged: u64,
}

impl AcceptPolicy {
    /// How long to wait until the next `accept`, after one that failed with `error`. `None`: the
    /// listener is beyond help and the error is the server's end.
    ///
    /// The manual page `accept(2)` lists the errors that belong to the connection and not to the
    /// listener.
    pub fn pause_after(&mut self, error: &io::Error) -> Option<Duration> {
        match Errno::from_raw(error.raw_os_error()?) {
            Errno::EINTR | Errno::ECONNABORTED | Errno::EPROTO | Errno::EPERM => {
                Some(Duration::ZERO)
            }
            Errno::ENETDOWN | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::EHOSTUNREACH => {
                Some(Duration::ZERO)
            }
            #[cfg(target_os = "linux")]
            Errno::ENONET => Some(Duration::ZERO),
            Errno::ENOPROTOOPT | Errno::EOPNOTSUPP => Some(Duration::ZERO),
            Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM => {
                self.log(format_args!("cannot accept: {error}"));
                Some(BACK_OFF)
            }
            _ => None,
        }
    }

    /// Logs that the client at `peer` is turned away, since there is no process or thread for it,
    /// and returns how long to wait until the next `accept`.
    pub fn turned_away(&mut self, peer: SocketAddr, error: &io::Error) -> Duration {
        self.log(format_args!("turned {peer} away: {error}"));
        BACK_OFF
    }

    fn log(&mut self, what: std::fmt::Arguments<'_>) {
        if self.logged.is_some_and(|time| time.elapsed() < LOG_INTERVAL) {
            self.unlogged += 1;
            return;
        }
        match self.unlogged {
            0 => warn!("{what}"),
            count => warn!("{what} (and {count} like it since the last line)"),
        }
        *self = AcceptPolicy { logged: Some(Instant::now()), unlogged: 0 };
    }
}

/// The listener of a blocking server: waits for a client, for room to serve it, or for the
/// shutdown, whichever comes first.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    signal: &'static ShutdownSignal,
    options: Options,
    policy: AcceptPolicy,
    resume: Option<Instant>,
}

impl Acceptor {
    /// Takes over a listener that came from [`bind`](crate::bind).
    ///
    /// # Errors
    ///
    /// When the listener or the signal handlers cannot be set up.
    pub fn new(listener: TcpListener, options: &Options) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let signal = ShutdownSignal::get()?;
        let (policy, resume) = (AcceptPolicy::default(), None);
        Ok(Acceptor { listener, signal, options: options.clone(), policy, resume })
    }

    /// What wakes [`next`](Self::next), so that it asks again how many connections are open.
    pub fn waker(&self) -> Waker {
        self.signal.waker()
    }

    /// The next connection, or `None` once the shutdown was requested. Blocks until then.
    ///
    /// While `open` says that `--max-connections` are open, further clients stay in the backlog.
    ///
    /// # Errors
    ///
    /// What the accept policy does not survive.
    pub fn next(
        &mut self,
        mut open: impl FnMut() -> usize,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let mut ready = true;
        while !self.signal.requested() {
            self.resume = self.resume.filter(|resume| Instant::now() < *resume);
            if self.resume.is_some() || open() >= self.options.max_connections {
                self.signal.wait(self.resume)?;
                continue;
            }
            if !ready {
                ready = self.wait_for_client()?;
                continue;
            }
            match self.listener.accept() {
                Ok((stream, peer)) => match self.admit(&stream) {
                    Ok(()) => return Ok(Some((stream, peer))),
                    Err(error) => warn!("{peer} was gone at once: {error}"),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready = false,
                Err(error) => match self.policy.pause_after(&error) {
                    Some(pause) => self.resume = Some(Instant::now() + pause),
                    None => return Err(error),
                },
            }
        }
        Ok(None)
    }

    /// Logs that there is no process or thread to serve `peer`, and rests for a moment.
    pub fn turn_away(&mut self, peer: SocketAddr, error: &io::Error) {
        self.resume = Some(Instant::now() + self.policy.turned_away(peer, error));
    }

    /// Linux has copied the listener's options to the connection.
    #[cfg(target_os = "linux")]
    fn admit(&self, _: &TcpStream) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn admit(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        listener::set_connection_options(&socket2::SockRef::from(stream), &self.options)
    }

    /// Waits for a client or a wake-up, and says whether a client has come.
    fn wait_for_client(&self) -> io::Result<bool> {
        let mut descriptors = [
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signal.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) => {}
            // A signal handler ran, and has written its wake-up.
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let [client, woken] = descriptors.map(|descriptor| descriptor.any().unwrap_or(true));
        if woken {
            self.signal.forget_wakeups();
        }
        Ok(client)
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
    fn a_lack_of_descriptors_or_memory_is_waited_out() {
        for error in [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM] {
            assert_eq!(pause_after(error), Some(BACK_OFF), "{error}");
        }
    }

    #[test]
    fn a_broken_listener_is_the_server_s_end() {
        for error in [Errno::EBADF, Errno::EINVAL, Errno::ENOTSOCK] {
            assert_eq!(pause_after(error), None, "{error}");
        }
        assert_eq!(AcceptPolicy::default().pause_after(&io::Error::other("unknown")), None);
    }

    #[test]
    fn a_lasting_lack_is_logged_at_a_bounded_rate() {
        let mut policy = AcceptPolicy::default();
        for _ in 0..1000 {
            policy.pause_after(&Errno::EMFILE.into());
        }
        // Were it slower than the interval, a second line would have reset the count.
        assert!(policy.unlogged > 0);
    }
}
