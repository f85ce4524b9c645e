//! The connection handler as a state machine: `async_server`'s, step for step. Where a task would
//! wait, this one notes in which state it is and returns to the loop, which calls it again when
//! something has happened. What the compiler makes of an `async fn` looks much like this.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use mio::event::Event;
use server_core::{
    Aftermath, Connection, ConnectionError, Ending, Input, LINGER, Session, Step, Who, WorkerName,
    compute,
};
use tracing::{Span, info, info_span};

/// How many turns a client may take before it lets others run.
const BUDGET: usize = 64;

/// A connection, and where its conversation is.
pub(crate) struct Handler<'a> {
    connection: Connection,
    who: Who,
    session: Session<'a>,
    span: Span,
    state: State,
    readiness: Readiness,
}

// ANCHOR: state
/// What a handler does, or waits to be able to do.
enum State {
    /// Asks the session what comes next.
    Asking,
    /// Sends the answers, and then takes this step.
    Sending(Step),
    /// Waits for input.
    Receiving,
    /// Waits until then, and computes.
    Working(Instant),
    /// Has sent its last answer, and waits until then for the client to receive it.
    Lingering(Instant),
}
// ANCHOR_END: state

/// What the loop is to do with a handler.
pub(crate) enum Next {
    /// Call it again when something happens, or then.
    WaitUntil(Instant),
    /// The same, and there must be room for output among what may happen.
    WaitForRoom(Instant),
    /// Call it again when the others have had their turn.
    Yield,
    /// Drop it: that closes the connection.
    Close,
}

/// The result of a turn: what the loop is to do, or nothing where the next turn may follow at once.
type Turn = Result<Option<Next>, ConnectionError>;

/// What the kernel has reported about a socket. It reports each change once.
#[derive(Default)]
struct Readiness {
    readable: bool,
    /// There will be no more input than there is.
    read_closed: bool,
    /// There was urgent data. A read stops before it, and leaves input that was reported already.
    urgent: bool,
    failed: bool,
}

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
        let (state, readiness) = (State::Asking, Readiness::default());
        Handler { connection, who, session, span, state, readiness }
    }

    /// Takes note of an event.
    pub(crate) fn notice(&mut self, event: &Event) {
        let Readiness { readable, read_closed, urgent, failed } = &mut self.readiness;
        *readable |= event.is_readable();
        *read_closed |= event.is_read_closed();
        *urgent |= event.is_priority();
        *failed |= event.is_error();
    }

    /// Its deadline has come. Before it gives up, it reads once more: an event may not have been reported yet.
    pub(crate) fn look_again(&mut self) {
        self.readiness.readable = true;
    }

    /// Goes on until it would wait.
    pub(crate) fn go_on(&mut self, draining: bool) -> Next {
        let span = self.span.clone();
        let _entered = span.enter();
        for _ in 0..BUDGET {
            // A panic ends this connection and nothing else.
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(draining)));
            let turn = turn.unwrap_or(Err(ConnectionError::Panicked));
            if let Some(next) = turn.unwrap_or_else(|error| self.fail(error)) {
                return next;
            }
        }
        Next::Yield
    }

    fn turn(&mut self, draining: bool) -> Turn {
        match self.state {
            State::Asking => self.ask(),
            State::Sending(then) => self.send(then),
            State::Receiving => self.receive(draining),
            State::Working(until) => self.work(until),
            State::Lingering(until) => self.linger(until),
        }
    }

    // ANCHOR: ask
    fn ask(&mut self) -> Turn {
        self.state = match self.session.step() {
            Step::Work => State::Working(Instant::now() + self.session.options().delay),
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
        // A client with more to ask for lets others ask first.
        Ok((step == Step::Work).then_some(Next::Yield))
    }
    // ANCHOR_END: ask

    /// Sends all answers in as few writes as the kernel takes.
    // ANCHOR: send
    fn send(&mut self, then: Step) -> Turn {
        while !self.session.answers().is_empty() {
            match self.connection.stream().write(self.session.answers()) {
                Ok(count) => self.session.sent(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Some(Next::WaitForRoom(self.idle_at()?)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.follow(then)
    }
    // ANCHOR_END: send

    /// Reads if there may be something, and else waits for it.
    // ANCHOR: receive
    fn receive(&mut self, draining: bool) -> Turn {
        let count = match self.readiness.is_readable() || draining {
            true => self.read()?,
            false => None,
        };
        let input = match count {
            Some(count) => Input::Bytes(count),
            None if draining => Input::CutOff,
            None => match self.session.rest_due() {
                Some(due) if due <= Instant::now() => Input::Late,
                due => return Ok(Some(Next::WaitUntil(earlier(due, self.idle_at()?)))),
            },
        };
        self.session.receive(input);
        self.state = State::Asking;
        Ok(None)
    }
    // ANCHOR_END: receive

    /// Reads what has come, if something has. A read that leaves space has emptied the socket.
    fn read(&mut self) -> io::Result<Option<usize>> {
        loop {
            let space = self.session.space();
            let read = self.connection.stream().read(space);
            let is_full = |count: &usize| *count == space.len();
            self.readiness.readable =
                read.as_ref().is_ok_and(is_full) || self.readiness.urgent && read.is_ok();
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                read => return read.map(Some),
            }
        }
    }

    /// Until when to wait for an event.
    ///
    /// # Errors
    ///
    /// When the client has been idle for too long.
    fn idle_at(&mut self) -> Result<Instant, ConnectionError> {
        let idle_at = self.session.idle_at();
        match Instant::now() < idle_at {
            true => Ok(idle_at),
            false => Err(ConnectionError::Idle(self.session.options().idle_timeout)),
        }
    }

    /// Waits, but no longer than the connection lives, and then computes on this thread.
    // ANCHOR: work
    fn work(&mut self, until: Instant) -> Turn {
        if self.readiness.failed {
            let error = self.connection.stream().take_error()?;
            return Err(error.unwrap_or(ErrorKind::NotConnected.into()).into());
        }
        if Instant::now() < until {
            return Ok(Some(Next::WaitUntil(until)));
        }
        compute(self.connection.stream(), self.session.options())?;
        self.state = State::Sending(Step::Work);
        Ok(None)
    }
    // ANCHOR_END: work

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
                None
            }
        }
    }

    /// Reads and discards until the client ends its side, or the time is over.
    fn linger(&mut self, until: Instant) -> Turn {
        let mut discarded = [0; 4096];
        let next = match self.connection.stream().read(&mut discarded) {
            _ if Instant::now() >= until => Next::Close,
            Ok(0) => Next::Close,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Next::WaitUntil(until),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(next))
    }
}

impl AsRawFd for Handler<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.connection.stream().as_raw_fd()
    }
}

impl Readiness {
    /// Whether a read may find something: input, or its end.
    fn is_readable(&self) -> bool {
        self.readable || self.read_closed
    }
}

fn earlier(one: Option<Instant>, other: Instant) -> Instant {
    one.map_or(other, |one| one.min(other))
}
