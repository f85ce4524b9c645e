//! The blocking connection handler: the one that the iterative, fork, thread and pool servers run.

use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::DecodeError;
use tracing::{info, info_span, warn, warn_span};

use crate::{Ending, Options, Session, Step};

/// How long a server that has said its last word waits for the client to hear it.
pub const LINGER: Duration = Duration::from_secs(1);

/// What ended a connection before its time, and that connection alone.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The client sent something that is not a message, and was told so.
    #[error("refused: {0}")]
    Refused(#[from] DecodeError),
    /// The client neither sent nor read for `--idle-timeout`.
    #[error("idle for {}", humantime::format_duration(*.0))]
    Idle(Duration),
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

/// Serves one connection to its end, and logs its beginning, its messages and its end. `who` says
/// in each log line what serves it, such as `thread 7`.
///
/// Blocks while the client is silent. Returns however the connection ends, also by a panic.
pub fn serve(
    stream: &TcpStream,
    peer: SocketAddr,
    who: impl Display + Copy,
    session: &mut Session<'_>,
) {
    let span = info_span!("connection", %who, %peer);
    let outcome = span.in_scope(|| {
        info!("connected");
        // A panic unwinds the handler and nothing else.
        catch_unwind(AssertUnwindSafe(|| handle(stream, session)))
    });
    log_end(who, peer, &outcome.unwrap_or(Err(ConnectionError::Panicked)));
}

/// Logs how a connection ended. To be called once, where the connection was started.
pub fn log_end(who: impl Display, peer: SocketAddr, outcome: &Result<Ending, ConnectionError>) {
    // In a span of its own: under `--quiet` the connection has none, and a warning still needs it.
    match outcome {
        Ok(ending) => {
            let _span = info_span!(parent: None, "end", %who, %peer).entered();
            info!("closed: {ending}");
        }
        Err(error) => {
            let _span = warn_span!(parent: None, "end", %who, %peer).entered();
            warn!("closed: {error}");
        }
    }
}

/// The handler. The asynchronous server's mirrors it step for step.
// ANCHOR: handler
fn handle(stream: &TcpStream, session: &mut Session<'_>) -> Result<Ending, ConnectionError> {
    let options = session.options();
    loop {
        match session.step() {
            Step::Read => {
                send(stream, session, options)?;
                let count = receive(stream, session.space(), options)?;
                session.received(count);
            }
            Step::Work => {
                work(stream, options.delay)?;
                send(stream, session, options)?;
            }
            // ANCHOR_END: handler
            Step::Crash(crash) => {
                send(stream, session, options)?;
                crash.now();
            }
            Step::Close(outcome) => {
                send(stream, session, options)?;
                if session.has_leftover() || has_unread(stream) {
                    // Its failure is the client's loss alone: there is nothing more to say.
                    let _ = linger(stream);
                }
                return Ok(outcome?);
            }
        }
    }
}

/// Reads once. The socket's own time-out is the idle time-out.
fn receive(
    mut stream: &TcpStream,
    space: &mut [u8],
    options: &Options,
) -> Result<usize, ConnectionError> {
    loop {
        match stream.read(space) {
            Ok(count) => return Ok(count),
            // A signal handler ran, and the socket has a time-out: signal(7).
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(lost_or_idle(error, options)),
        }
    }
}

/// Sends all answers in as few writes as the kernel takes.
fn send(
    mut stream: &TcpStream,
    session: &mut Session<'_>,
    options: &Options,
) -> Result<(), ConnectionError> {
    stream.write_all(session.answers()).map_err(|error| lost_or_idle(error, options))?;
    session.sent();
    Ok(())
}

fn lost_or_idle(error: io::Error, options: &Options) -> ConnectionError {
    match error.kind() {
        ErrorKind::WouldBlock => ConnectionError::Idle(options.idle_timeout),
        _ => ConnectionError::Lost(error),
    }
}

/// Pretends to work for `delay`: sleeps, but no longer than the connection lives.
fn work(stream: &TcpStream, delay: Duration) -> io::Result<()> {
    let end = Instant::now() + delay;
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        // Asks for no event: only the connection's death ends the sleep early.
        let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::empty())];
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

/// Whether the kernel holds input that the client sent and we shall not read, or its end.
fn has_unread(stream: &TcpStream) -> bool {
    let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut descriptor, PollTimeout::ZERO), Ok(1..))
}

/// Ends our side, then reads and forgets until the client ends its own, for [`LINGER`] at most.
///
/// A close over unread input sends a reset, and a reset may destroy the last answer on its way
/// (RFC 2525, section 2.17).
// Kept out of line: its buffer would lie on the stack of every connection, lingering or not.
#[inline(never)]
fn linger(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let end = Instant::now() + LINGER;
    let mut forgotten = [0; 4096];
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        // A time-out of zero would mean to wait forever.
        stream.set_read_timeout(Some(rest.max(Duration::from_millis(1))))?;
        match stream.read(&mut forgotten) {
            Ok(1..) if !rest.is_zero() => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ended => return ended.map(drop),
        }
    }
}
