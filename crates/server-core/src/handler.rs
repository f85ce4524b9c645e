//! The blocking connection handler: the one that the iterative, fork, prefork, thread and pool servers run.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use protocol::DecodeError;
use socket2::SockRef;
use tracing::{debug, info, info_span, warn, warn_span};

use crate::end_of_input::{lost_or_idle, receive};
use crate::linger::has_unread;
use crate::throttle::{LikeIt, Throttle};
use crate::{Ending, Options, Session, Statistics, Step, compute};

/// What ended a connection before its time, and that connection alone.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The client sent something that is not a message, and got an `ERROR` line.
    #[error("refused: {0}")]
    Refused(#[from] DecodeError),
    /// The client neither sent nor read for `--idle-timeout`.
    #[error("idle for {}", humantime::format_duration(*.0))]
    Idle(Duration),
    /// It has waited for this long for somebody to serve it, and got the line [`BUSY`](protocol::BUSY).
    #[error("turned away: nobody was free for {}", humantime::format_duration(*.0))]
    Busy(Duration),
    /// The handler panicked. The panic's own line says where.
    #[error("the handler panicked")]
    Panicked,
    /// The process that served it was killed.
    #[error("its process was killed by {0}")]
    Killed(&'static str),
    /// The client or the network ended it, such as by a reset, or a shutdown cut it.
    #[error("{0}")]
    Lost(#[from] io::Error),
}

/// What is left to do for a connection after its last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// Nothing: it may be closed.
    Close,
    /// Its client may still be sending, and a close over that would destroy the last answer: it
    /// must [`linger`](crate::linger).
    Linger,
}

impl Aftermath {
    /// What is left to do after this outcome of a session over this stream.
    pub fn of(
        outcome: &Result<Ending, ConnectionError>,
        session: &Session<'_>,
        stream: &impl AsFd,
    ) -> Self {
        match outcome {
            Err(ConnectionError::Refused(_) | ConnectionError::Busy(_)) => Aftermath::Linger,
            Ok(_) if session.client_has_ended() => Aftermath::Close,
            Ok(_) if session.has_leftover() || has_unread(stream) => Aftermath::Linger,
            _ => Aftermath::Close,
        }
    }
}

/// Serves one connection to its last answer, and logs its beginning, its messages and its end. `who`
/// says in each log line what serves it, such as `thread 7`. At the end of the input, `draining`
/// is asked whether a drain has begun, which ends it too.
///
/// Blocks while the client is silent. Returns however the connection ends, also by a panic.
pub fn converse(
    stream: &TcpStream,
    peer: SocketAddr,
    who: impl Display + Copy,
    session: &mut Session<'_>,
    draining: &dyn Fn() -> bool,
) -> Aftermath {
    let span = info_span!("connection", %who, %peer);
    let outcome = span.in_scope(|| {
        info!(event = "connected", "connected");
        // A panic unwinds the handler and nothing else.
        catch_unwind(AssertUnwindSafe(|| handle(stream, session, draining)))
    });
    let outcome = outcome.unwrap_or(Err(ConnectionError::Panicked));
    end(stream, peer, who, &outcome, session)
}

/// Ends a conversation: logs how it ended, and says what is left to do for the connection. Where its client
/// must receive the last answer first, our side is ended, and the rest of what it sends is to be discarded.
pub fn end(
    stream: &impl AsFd,
    peer: SocketAddr,
    who: impl Display,
    outcome: &Result<Ending, ConnectionError>,
    session: &Session<'_>,
) -> Aftermath {
    log_end(who, peer, outcome, session.statistics());
    let aftermath = Aftermath::of(outcome, session, stream);
    let is_open = || SockRef::from(stream).shutdown(Shutdown::Write).is_ok();
    match aftermath {
        Aftermath::Linger if is_open() => Aftermath::Linger,
        _ => Aftermath::Close,
    }
}

/// Logs how a connection ended. To be called once, where the connection was started. Connections
/// that clients or networks end, that are refused since they are slow, or turned away, are logged at a bounded
/// rate: a storm of resets is one line a second.
pub fn log_end(
    who: impl Display,
    peer: SocketAddr,
    outcome: &Result<Ending, ConnectionError>,
    statistics: &Statistics,
) {
    // In a span of its own: under `--quiet` the connection has none, and a warning still needs it.
    let span = match outcome {
        Ok(_) => info_span!(parent: None, "end", %who, %peer),
        Err(_) => warn_span!(parent: None, "end", %who, %peer),
    };
    let _entered = span.entered();
    match outcome {
        Ok(ending) => info!(event = "closed", why = %ending, "closed: {ending}"),
        Err(error) => {
            let throttle = match error {
                ConnectionError::Lost(_) => Some(&statistics.lost),
                ConnectionError::Refused(DecodeError::TooSlow { .. }) => Some(&statistics.late),
                ConnectionError::Busy(_) => Some(&statistics.busy),
                _ => None,
            };
            match throttle.map_or(Some(0), Throttle::passes) {
                Some(count) => {
                    let more = LikeIt(count);
                    warn!(event = "closed", why = %error, unlogged = count, "closed: {error}{more}");
                }
                None => debug!(event = "closed", why = %error, "closed: {error}"),
            }
        }
    }
}

/// Counts and logs the end of a connection whose process was killed. One that ends otherwise has done
/// so itself.
pub fn log_killed(process: Pid, client: SocketAddr, signal: Signal, statistics: &Statistics) {
    statistics.closed();
    let killed = Err(ConnectionError::Killed(signal.as_str()));
    log_end(format_args!("process {process}"), client, &killed, statistics);
}

/// The handler. The asynchronous server's mirrors it step for step.
// ANCHOR: handler
fn handle(
    stream: &TcpStream,
    session: &mut Session<'_>,
    draining: &dyn Fn() -> bool,
) -> Result<Ending, ConnectionError> {
    let options = session.options();
    loop {
        let step = session.step();
        if step == Step::Work {
            wait(stream, options.delay)?;
            compute(stream, options)?;
        }
        send(stream, session, options)?;
        match step {
            Step::Read => read(stream, session, draining)?,
            Step::Work => {}
            Step::Crash(crash) => crash.now(),
            Step::Close(outcome) => return Ok(outcome?),
        }
    }
}
// ANCHOR_END: handler

/// Waits for what comes next, and gives it to the session.
fn read(
    stream: &TcpStream,
    session: &mut Session<'_>,
    draining: &dyn Fn() -> bool,
) -> Result<(), ConnectionError> {
    let input = receive(stream, session, draining)?;
    session.receive(input);
    Ok(())
}

/// Sends all answers in as few writes as the kernel takes.
fn send(
    mut stream: &TcpStream,
    session: &mut Session<'_>,
    options: &Options,
) -> Result<(), ConnectionError> {
    while !session.answers().is_empty() {
        match stream.write(session.answers()) {
            Ok(count) => session.sent(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(lost_or_idle(error, options)),
        }
    }
    Ok(())
}

/// What to ask `poll(2)` for, to hear of a connection's failure alone. Linux reports one whatever is asked for, and
/// FreeBSD if something is. macOS would also report that the client has ended its side, which is no failure:
/// nothing is asked for there, and a failure is noticed only after the wait.
const FAILURE: PollFlags =
    if cfg!(target_os = "macos") { PollFlags::empty() } else { PollFlags::POLLHUP };

/// Whether the connection has failed, or ended both ways. Does not block.
pub fn has_failed(stream: &impl AsFd) -> bool {
    let mut descriptor = [PollFd::new(stream.as_fd(), FAILURE)];
    matches!(poll(&mut descriptor, PollTimeout::ZERO), Ok(1..))
}

/// Waits for `delay`, but no longer than the connection lives.
fn wait(stream: &TcpStream, delay: Duration) -> io::Result<()> {
    let end = Instant::now() + delay;
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        // Only the end of the connection ends the sleep early, as in `has_failed`.
        let mut descriptor = [PollFd::new(stream.as_fd(), FAILURE)];
        let timeout = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
        match poll(&mut descriptor, timeout) {
            Ok(0) if rest < Duration::from_millis(1) => std::thread::sleep(rest),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => {
                return Err(stream.take_error()?.unwrap_or(ErrorKind::NotConnected.into()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
