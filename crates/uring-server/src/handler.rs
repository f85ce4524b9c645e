//! The connection handler as a state machine: `event_server`'s, with a difference. That one waits until
//! it may read, and reads. This one says what is to be read, and goes on when it *has been* read.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use io_uring::types::Timespec;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use server_core::{
    Aftermath, Connection, ConnectionError, Ending, Input, LINGER, Session, Step, Who, WorkerName,
    compute, has_failed,
};
use tracing::{Span, info, info_span};

use crate::ring::Owner;

/// How often to look, while a message is worked on, whether its connection has failed.
const LOOK: Duration = Duration::from_millis(100);

/// How much is received and discarded at a time.
const DISCARDED: usize = 4096;

/// A connection, and where its conversation is.
pub(crate) struct Handler<'a> {
    connection: Connection,
    who: Who,
    session: Session<'a>,
    /// How long it sleeps, while it works.
    sleep: Timespec,
    /// Where the input goes that is discarded, while it lingers.
    discarded: Vec<u8>,
    span: Span,
    state: State,
}

/// What a handler does, or lets the kernel do.
enum State {
    /// Asks the session what comes next.
    Asking,
    /// Lets the kernel send the answers, and then takes this step.
    Sending(Step),
    /// Lets the kernel receive the next input.
    Receiving,
    /// Waits until then, and computes.
    Working(Instant),
    /// Has sent its last answer, and waits until then for the client to receive it.
    Lingering(Instant),
}

/// What the kernel is to do for a handler next. What has a moment is cancelled then.
pub(crate) enum Next {
    /// Input, into [`Handler::space`].
    Receive(Instant),
    /// Output, of [`Handler::rest`].
    Send(Instant),
    /// Nothing, for the time that is [`Handler::sleep`].
    Sleep,
    /// Nothing: drop it, which closes the connection.
    Close,
}

/// The result of a turn: what the loop is to do, or nothing where the next turn may follow at once.
type Turn = Result<Option<Next>, ConnectionError>;

/// The result of an operation, if one was under way.
type Completed = Option<io::Result<usize>>;

impl<'a> Handler<'a> {
    /// A connection whose client has not sent anything yet.
    pub(crate) fn new(
        connection: Connection,
        worker: Option<WorkerName>,
        session: Session<'a>,
    ) -> Self {
        let who = Who { worker, connection: connection.number() };
        let span = info_span!("connection", %who, peer = %connection.peer());
        span.in_scope(|| info!(event = "connected", "connected"));
        let (sleep, discarded, state) = (Timespec::new(), Vec::new(), State::Asking);
        Handler { connection, who, session, sleep, discarded, span, state }
    }

    /// Where the next input goes.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        match self.state {
            State::Lingering(_) => &mut self.discarded,
            _ => self.session.space(),
        }
    }

    /// The answers that are still to be sent.
    pub(crate) fn rest(&self) -> &[u8] {
        self.session.answers()
    }

    /// How long to sleep.
    pub(crate) fn sleep(&self) -> &Timespec {
        &self.sleep
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
            // A panic ends this connection and nothing else.
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(completed, now, draining)));
            let turn = turn.unwrap_or(Err(ConnectionError::Panicked));
            if let Some(next) = turn.unwrap_or_else(|error| self.fail(error)) {
                return next;
            }
        }
    }

    fn turn(&mut self, completed: Completed, now: &mut Instant, draining: bool) -> Turn {
        match self.state {
            State::Asking => self.ask(*now),
            State::Sending(then) => self.send(then, completed, *now),
            State::Receiving => self.receive(completed, *now, draining),
            State::Working(until) => self.work(until, now),
            State::Lingering(until) => self.linger(until, completed, *now),
        }
    }

    fn ask(&mut self, now: Instant) -> Turn {
        self.state = match self.session.step() {
            Step::Work => State::Working(now + self.session.options().delay),
            step => State::Sending(step),
        };
        Ok(None)
    }

    /// What follows when the answers are sent.
    fn follow(&mut self, step: Step) -> Turn {
        self.state = match step {
            Step::Read => State::Receiving,
            Step::Work => State::Asking,
            Step::Crash(crash) => crash.now(),
            Step::Close(outcome) => return Ok(self.end(&Ok(outcome?))),
        };
        Ok(None)
    }

    /// Has all answers sent, with as few operations as the kernel makes of it.
    fn send(&mut self, then: Step, completed: Completed, now: Instant) -> Turn {
        match completed {
            Some(Ok(count)) => self.session.sent(count),
            Some(Err(error)) if was_cancelled(&error) => self.send_at_once(now)?,
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
        match self.session.answers().is_empty() {
            true => self.follow(then),
            false => Ok(Some(Next::Send(self.session.idle_at()))),
        }
    }

    /// Sends what the kernel takes at this moment, after the send operation was cancelled. The kernel's send
    /// waits until there is much room, but a client that reads slowly is not idle.
    fn send_at_once(&mut self, now: Instant) -> Result<(), ConnectionError> {
        let (socket, flags) = (self.connection.stream().as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        match send(socket, self.session.answers(), flags) {
            Ok(count) => self.session.sent(count),
            Err(Errno::EAGAIN) => self.check_idle(now)?,
            Err(error) => return Err(io::Error::from(error).into()),
        }
        Ok(())
    }

    /// Lets the kernel receive.
    // ANCHOR: receive
    fn receive(&mut self, completed: Completed, now: Instant, draining: bool) -> Turn {
        let count = match completed {
            None if !draining => return Ok(Some(Next::Receive(self.message_due_at()))),
            Some(Ok(count)) => Some(count),
            Some(Err(error)) if !was_cancelled(&error) => return Err(error.into()),
            // Input may have arrived that no operation has received.
            _ => self.receive_at_once()?,
        };
        let input = match count {
            Some(count) => Input::Bytes(count),
            None if draining => Input::CutOff,
            None if self.session.rest_due().is_some_and(|due| now >= due) => Input::Late,
            None => return self.check_idle(now).map(|()| None),
        };
        self.session.receive(input);
        self.state = State::Asking;
        Ok(None)
    }
    // ANCHOR_END: receive

    fn receive_at_once(&mut self) -> io::Result<Option<usize>> {
        let socket = self.connection.stream().as_raw_fd();
        match recv(socket, self.session.space(), MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EAGAIN) => Ok(None),
            count => Ok(Some(count?)),
        }
    }

    /// When the rest of a message, or any message, is due.
    fn message_due_at(&mut self) -> Instant {
        let idle_at = self.session.idle_at();
        self.session.rest_due().map_or(idle_at, |due| due.min(idle_at))
    }

    /// # Errors
    ///
    /// When the client has been idle for too long.
    fn check_idle(&mut self, now: Instant) -> Result<(), ConnectionError> {
        match now < self.session.idle_at() {
            true => Ok(()),
            false => Err(ConnectionError::Idle(self.session.options().idle_timeout)),
        }
    }

    /// Waits, but no longer than the connection lives, and then computes on this thread.
    fn work(&mut self, until: Instant, now: &mut Instant) -> Turn {
        let stream = self.connection.stream();
        if *now >= until {
            compute(stream, self.session.options())?;
            *now = Instant::now();
            self.state = State::Sending(Step::Work);
            return Ok(None);
        }
        if has_failed(stream) {
            let error = stream.take_error()?;
            return Err(error.unwrap_or(ErrorKind::NotConnected.into()).into());
        }
        // The kernel refuses a time-out of zero.
        let sleep = LOOK.min(until - *now).max(Duration::from_nanos(1));
        self.sleep = Timespec::from(sleep);
        Ok(Some(Next::Sleep))
    }

    /// Ends the conversation by a failure. While the connection lingers, a failure is not logged.
    fn fail(&mut self, error: ConnectionError) -> Option<Next> {
        match self.state {
            State::Lingering(_) => Some(Next::Close),
            _ => self.end(&Err(error)),
        }
    }

    /// Logs how the conversation ended. Closes it, unless the client needs time to receive the last answer.
    fn end(&mut self, outcome: &Result<Ending, ConnectionError>) -> Option<Next> {
        match self.connection.end(self.who, outcome, &self.session) {
            Aftermath::Close => Some(Next::Close),
            Aftermath::Linger => {
                self.state = State::Lingering(Instant::now() + LINGER);
                self.discarded = vec![0; DISCARDED];
                None
            }
        }
    }

    /// Receives and discards until the client ends its side, or the time is over.
    fn linger(&mut self, until: Instant, completed: Completed, now: Instant) -> Turn {
        Ok(Some(match completed {
            Some(Ok(0)) => Next::Close,
            Some(Err(error)) if !was_cancelled(&error) => return Err(error.into()),
            _ if now >= until => Next::Close,
            _ => Next::Receive(until),
        }))
    }
}

/// Whether this is not a failure, but an operation that was cancelled or interrupted.
fn was_cancelled(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::ECANCELED | Errno::EINTR))
}

// SAFETY: the buffers that it shows are the session's and its own, on the heap; the time is its own, in the
// box that is lent.
#[allow(unsafe_code)]
unsafe impl Owner for Handler<'_> {}

impl AsFd for Handler<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}
