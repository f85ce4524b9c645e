//! The connection handler as a state machine: `event_server`'s, with a difference. That one waits until
//! it may read, and reads. This one says what is to be read, and goes on when it *has been* read.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use io_uring::types::Timespec;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use server_core::{
    Aftermath, Connection, ConnectionError, Ending, Input, LINGER, Session, Step, client_has_ended,
    compute, has_failed, has_unread,
};
use tracing::{Span, info, info_span};

use crate::ring::Owner;

/// How often to look at the connection of a client that has ended its side, during work.
const LOOK: Duration = Duration::from_millis(100);

/// A connection, and where its conversation is.
pub(crate) struct Handler<'a> {
    connection: Connection,
    session: Session<'a>,
    /// How long there is to wait yet, while it works.
    left: Timespec,
    span: Span,
    state: State,
    /// Since when it has been waiting, if it is.
    waiting_since: Option<Instant>,
}

/// What a handler does, or has the kernel do.
enum State {
    /// Asks the session what comes next.
    Asking,
    /// Has the answers sent, of which so many bytes have gone, and then takes this step.
    Sending(usize, Step),
    /// Has the next input received.
    Receiving,
    /// Waits until then, and computes.
    Working(Instant),
    /// The same when the client has ended its side, which a look at the connection would meet for ever.
    WorkingForTheLast(Instant),
    /// Has said its last word, and waits until then for the client to hear it.
    Lingering(Instant),
}

/// What a turn came to.
enum Turn {
    Done,
    /// It goes on when this is done.
    Wait(Next),
    /// The last word is said.
    Ended(Ending),
    /// And the client has heard it, or had its time.
    Heard,
}

/// What the loop is to have done for a handler. What has a moment is to be given up then.
pub(crate) enum Next {
    /// Input, into [`Handler::space`].
    Receive(Instant),
    /// Output, of [`Handler::rest`].
    Send(Instant),
    /// A look at the connection, for the time that is [`Handler::left`].
    Watch,
    /// Nothing, for that time.
    Sleep,
    /// Nothing: drop it, which closes the connection.
    Close,
}

/// What became of an operation, if one was under way.
type Completed = Option<io::Result<usize>>;

impl<'a> Handler<'a> {
    /// A connection whose client has not said anything yet.
    pub(crate) fn new(connection: Connection, session: Session<'a>) -> Self {
        let who = format_args!("connection {}", connection.number());
        let span = info_span!("connection", %who, peer = %connection.peer());
        span.in_scope(|| info!(event = "connected", "connected"));
        let (left, state) = (Timespec::new(), State::Asking);
        Handler { connection, session, left, span, state, waiting_since: None }
    }

    /// Where the next input goes.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.session.space()
    }

    /// The answers that are to be sent yet.
    pub(crate) fn rest(&self) -> &[u8] {
        match self.state {
            State::Sending(sent, _) => &self.session.answers()[sent..],
            _ => &[],
        }
    }

    /// How long to wait yet.
    pub(crate) fn left(&self) -> &Timespec {
        &self.left
    }

    /// Goes on from what was completed, until something else is to be done. What computes takes time, and
    /// sets the clock.
    pub(crate) fn go_on(
        &mut self,
        mut completed: Completed,
        now: &mut Instant,
        draining: bool,
    ) -> Next {
        let span = self.span.clone();
        let _entered = span.enter();
        loop {
            let completed = completed.take();
            if matches!(completed, Some(Ok(_))) {
                self.waiting_since = None;
            }
            // A panic ends this connection and nothing else.
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(completed, now, draining)));
            let outcome = match turn.unwrap_or(Err(ConnectionError::Panicked)) {
                Ok(Turn::Done) => continue,
                Ok(Turn::Wait(next)) => return next,
                Ok(Turn::Heard) => return Next::Close,
                // While it lingers its failure is the client's loss alone.
                Err(_) if matches!(self.state, State::Lingering(_)) => return Next::Close,
                Ok(Turn::Ended(ending)) => Ok(ending),
                Err(error) => Err(error),
            };
            if !self.lingers_after(&outcome) {
                return Next::Close;
            }
        }
    }

    fn turn(
        &mut self,
        completed: Completed,
        now: &mut Instant,
        draining: bool,
    ) -> Result<Turn, ConnectionError> {
        match self.state {
            State::Asking => Ok(self.ask(*now)),
            State::Sending(sent, then) => self.send(sent, then, completed, *now),
            State::Receiving => self.receive(completed, *now, draining),
            State::Working(until) => self.work(until, Next::Watch, completed, now),
            State::WorkingForTheLast(until) => self.work(until, Next::Sleep, completed, now),
            State::Lingering(until) => self.linger(until, completed, *now),
        }
    }

    fn ask(&mut self, now: Instant) -> Turn {
        self.state = match self.session.step() {
            Step::Work => State::Working(now + self.session.options().delay),
            step => State::Sending(0, step),
        };
        Turn::Done
    }

    /// Whose end there is, during a drain and where nothing is unread.
    fn end_of_drain(&self) -> Input {
        match client_has_ended(self.connection.stream()) {
            true => Input::Bytes(0),
            false => Input::CutOff,
        }
    }

    /// What follows when the answers are sent.
    fn follow(&mut self, step: Step) -> Result<Turn, ConnectionError> {
        self.state = match step {
            Step::Read => State::Receiving,
            // It is done: its answer has gone.
            Step::Work => State::Asking,
            Step::Crash(crash) => crash.now(),
            Step::Close(outcome) => return Ok(Turn::Ended(outcome?)),
        };
        Ok(Turn::Done)
    }

    /// Has all answers sent, with as few operations as the kernel makes of it.
    fn send(
        &mut self,
        sent: usize,
        then: Step,
        completed: Completed,
        now: Instant,
    ) -> Result<Turn, ConnectionError> {
        match completed {
            Some(Ok(count)) => self.state = State::Sending(sent + count, then),
            Some(Err(error)) => match self.send_at_once(&error) {
                Some(count) => self.state = State::Sending(sent + count, then),
                None => self.outlive(error, now)?,
            },
            None if self.rest().is_empty() => {
                self.session.sent();
                return self.follow(then);
            }
            None => return Ok(Turn::Wait(Next::Send(self.idle_at(now)))),
        }
        Ok(Turn::Done)
    }

    /// Sends what the kernel takes at this moment of what it was to send and has been told to give up:
    /// it waits until there is room for much, and a client that reads slowly is not idle.
    fn send_at_once(&mut self, error: &io::Error) -> Option<usize> {
        if !is_cancelled(error) {
            return None;
        }
        let (socket, flags) = (self.connection.stream().as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let count = send(socket, self.rest(), flags).ok()?;
        self.waiting_since = None;
        Some(count)
    }

    /// Has something received.
    // ANCHOR: receive
    fn receive(
        &mut self,
        completed: Completed,
        now: Instant,
        draining: bool,
    ) -> Result<Turn, ConnectionError> {
        let stream = self.connection.stream();
        let input = match completed {
            None if draining => self.receive_at_once()?,
            None => return Ok(Turn::Wait(Next::Receive(self.message_due_at(now)))),
            Some(Err(error)) => return self.outlive(error, now).map(|()| Turn::Done),
            // What came before the client's end may have come since.
            Some(Ok(0)) if draining && has_unread(stream) => return Ok(Turn::Done),
            Some(Ok(0)) if draining => self.end_of_drain(),
            Some(Ok(count)) => Input::Bytes(count),
        };
        self.session.receive(input);
        self.state = State::Asking;
        Ok(Turn::Done)
    }
    // ANCHOR_END: receive

    /// What has come at this moment of a drain: what its answers make a client send is behind the end.
    fn receive_at_once(&mut self) -> io::Result<Input> {
        let socket = self.connection.stream().as_raw_fd();
        match recv(socket, self.session.space(), MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(Errno::EAGAIN) => Ok(self.end_of_drain()),
            count => Ok(Input::Bytes(count?)),
        }
    }

    /// The moment at which to look what keeps the rest of a message.
    fn message_due_at(&mut self, now: Instant) -> Instant {
        let idle_at = self.idle_at(now);
        self.session.rest_due().map_or(idle_at, |due| due.min(idle_at))
    }

    /// The moment at which the client has been silent, or deaf, for too long.
    fn idle_at(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.session.options().idle_timeout
    }

    /// What a failure means for the connection. One that was given up, since it took its time, is begun
    /// anew unless the client has been idle for too long.
    fn outlive(&mut self, error: io::Error, now: Instant) -> Result<(), ConnectionError> {
        if error.kind() == ErrorKind::Interrupted {
            return Ok(());
        }
        if !is_cancelled(&error) {
            return Err(error.into());
        }
        // What came meanwhile is there, though nobody has received it.
        let stream = self.connection.stream();
        let has_come = has_unread(stream) || client_has_ended(stream);
        let is_receiving = matches!(self.state, State::Receiving);
        if is_receiving && has_come {
            self.waiting_since = None;
        } else if is_receiving && self.session.rest_due().is_some_and(|due| now >= due) {
            self.session.receive(Input::Late);
            self.state = State::Asking;
        } else if now >= self.idle_at(now) {
            return Err(ConnectionError::Idle(self.session.options().idle_timeout));
        }
        Ok(())
    }

    /// Has time pass, but no longer than the connection lives, and computes where it stands. Where the
    /// client has ended its side a look would end at once, so that it is looked at now and then.
    fn work(
        &mut self,
        until: Instant,
        how: Next,
        completed: Completed,
        now: &mut Instant,
    ) -> Result<Turn, ConnectionError> {
        let stream = self.connection.stream();
        match completed {
            _ if has_failed(stream) && *now < until => {
                let error = stream.take_error()?;
                return Err(error.unwrap_or(ErrorKind::NotConnected.into()).into());
            }
            _ if *now >= until => {
                compute(stream, self.session.options())?;
                *now = Instant::now();
                self.state = State::Sending(0, Step::Work);
            }
            Some(Ok(_)) => self.state = State::WorkingForTheLast(until),
            // The time of a look is over, or that of a sleep.
            Some(Err(_)) => {}
            None => {
                let longest = if let Next::Sleep = how { LOOK } else { Duration::MAX };
                // A time-out of nothing at all is refused.
                let left = longest.min(until - *now).max(Duration::from_nanos(1));
                self.left = Timespec::from(left);
                return Ok(Turn::Wait(how));
            }
        }
        Ok(Turn::Done)
    }

    /// Logs how the conversation ended, and says whether its client must be given time to hear that.
    fn lingers_after(&mut self, outcome: &Result<Ending, ConnectionError>) -> bool {
        let who = format_args!("connection {}", self.connection.number());
        self.connection.log_end(who, outcome);
        let stream = self.connection.stream();
        let lingers = Aftermath::of(outcome, &self.session, stream) == Aftermath::Linger
            && stream.shutdown(Shutdown::Write).is_ok();
        self.state = State::Lingering(Instant::now() + LINGER);
        lingers
    }

    /// Receives and forgets until the client ends its side, or has had its time.
    fn linger(
        &mut self,
        until: Instant,
        completed: Completed,
        now: Instant,
    ) -> Result<Turn, ConnectionError> {
        match completed {
            Some(Ok(0)) => Ok(Turn::Heard),
            Some(Err(error)) => Err(error.into()),
            _ if now >= until => Ok(Turn::Heard),
            _ => Ok(Turn::Wait(Next::Receive(until))),
        }
    }
}

/// Whether it is no failure, but an operation that was given up.
fn is_cancelled(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ECANCELED as i32)
}

// SAFETY: the buffers that it shows are the session's, on the heap; the time is its own, in the box that
// is lent.
#[allow(unsafe_code)]
unsafe impl Owner for Handler<'_> {}

impl AsFd for Handler<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}
