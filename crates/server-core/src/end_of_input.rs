//! The end of a connection's input. The client or a drain ends it, and a handler must know which of them
//! did.
//!
//! On Linux a drain ends the input with `shutdown(2)`: a read that waits returns, what the kernel
//! had received is read first, and the state of the TCP connection says whether the client had
//! ended it too. BSD and macOS throw away at once what was received, so there a read waits for a
//! moment only and the handler looks for a drain itself.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::{ConnectionError, Options, Session};

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// This many bytes; none if the client has ended its side.
    Bytes(usize),
    /// The end that a drain has set.
    CutOff,
    /// Nothing, and the rest of a message is due.
    Late,
}

/// Reads once, whatever signals come: with a time-out they interrupt it (signal(7)).
fn read(mut stream: &TcpStream, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(space) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What a failed read or write says about the connection. The socket's time-out is the idle
/// time-out.
pub(crate) fn lost_or_idle(error: io::Error, options: &Options) -> ConnectionError {
    match error.kind() {
        ErrorKind::WouldBlock => ConnectionError::Idle(options.idle_timeout),
        _ => ConnectionError::Lost(error),
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::net::Shutdown;
    use std::os::fd::{AsFd, AsRawFd};

    use nix::libc::{IPPROTO_TCP, TCP_INFO, getsockopt};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use socket2::SockRef;

    use super::*;
    use crate::outlast;

    /// The state of a connection that neither side has ended: `TCP_ESTABLISHED`.
    const ESTABLISHED: u8 = 1;

    /// How long a blocked read may last, if it is to notice a drain.
    pub(crate) fn longest_read(options: &Options) -> Duration {
        options.idle_timeout
    }

    /// Ends a connection's input: what was received is still read, then comes the end. It fails
    /// only where the connection has ended, and then there is nothing left to end.
    pub(crate) fn end_input(stream: &impl AsFd) {
        let _ = SockRef::from(stream).shutdown(Shutdown::Read);
    }

    /// Whether the client has ended its side, so that the end of the input is its own. Where the kernel refuses
    /// to say, it has not: then half a message stays half a message.
    #[allow(unsafe_code)]
    fn client_has_ended(stream: &impl AsFd) -> bool {
        let descriptor = stream.as_fd().as_raw_fd();
        // The first byte of `tcp_info` is the state: tcp(7).
        let (mut state, mut size) = (ESTABLISHED, 1);
        let place = (&raw mut state).cast();
        // SAFETY: the call writes `size` bytes at most, and there is one.
        unsafe { getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, place, &raw mut size) };
        state != ESTABLISHED
    }

    /// Blocks until there is input or an end, or until the rest of a message is due.
    pub(crate) fn receive(
        stream: &TcpStream,
        session: &mut Session<'_>,
        draining: &dyn Fn() -> bool,
    ) -> Result<Input, ConnectionError> {
        let options = session.options();
        let due = session.rest_due();
        // Otherwise the read gives up by itself in time, and needs no clock: in a forked child that saves two
        // pages.
        if (due.is_some() || session.has_waited())
            && !comes_by(due, session.idle_at(), stream, options)?
        {
            return Ok(Input::Late);
        }
        let space = session.space();
        let mut count = || read(stream, space).map_err(|error| lost_or_idle(error, options));
        match count()? {
            0 if draining() && !client_has_ended(stream) => Ok(Input::CutOff),
            // What came before the client's end may have come since the read.
            0 if draining() => count().map(Input::Bytes),
            count => Ok(Input::Bytes(count)),
        }
    }

    /// Waits for input or an end, and says whether it came before it was due.
    fn comes_by(
        due: Option<Instant>,
        idle_at: Instant,
        stream: &TcpStream,
        options: &Options,
    ) -> Result<bool, ConnectionError> {
        loop {
            let end = due.map_or(idle_at, |due| due.min(idle_at));
            let rest = end.saturating_duration_since(Instant::now());
            // Rounded up: it counts whole milliseconds.
            let rest = PollTimeout::try_from(rest + Duration::from_micros(999));
            let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
            match poll(&mut descriptor, rest.unwrap_or(PollTimeout::MAX)) {
                Ok(0) if Instant::now() >= idle_at => {
                    return Err(ConnectionError::Idle(options.idle_timeout));
                }
                Ok(0) if due.is_some_and(|due| Instant::now() >= due) => return Ok(false),
                Ok(0) => {}
                Err(error) => outlast(error.into())?,
                Ok(_) => return Ok(true),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::os::fd::AsFd;

    use super::*;

    /// How often a handler that waits looks for a drain.
    const LOOK: Duration = Duration::from_millis(100);

    pub(crate) fn longest_read(options: &Options) -> Duration {
        options.idle_timeout.min(LOOK)
    }

    /// Here handlers look for themselves.
    pub(crate) fn end_input(_: &impl AsFd) {}

    pub(crate) fn receive(
        stream: &TcpStream,
        session: &mut Session<'_>,
        draining: &dyn Fn() -> bool,
    ) -> Result<Input, ConnectionError> {
        let (due, idle_at, options) = (session.rest_due(), session.idle_at(), session.options());
        loop {
            // Asked first: what came before the drain is read behind it, and is all that is read.
            let is_draining = draining();
            stream.set_nonblocking(is_draining)?;
            let count = read(stream, session.space());
            stream.set_nonblocking(false)?;
            match count {
                Ok(count) => return Ok(Input::Bytes(count)),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                Err(_) if is_draining => return Ok(Input::CutOff),
                Err(error) if Instant::now() >= idle_at => {
                    return Err(lost_or_idle(error, options));
                }
                Err(_) if due.is_some_and(|due| Instant::now() >= due) => return Ok(Input::Late),
                Err(_) => {}
            }
        }
    }
}

pub(crate) use system::{end_input, longest_read, receive};
