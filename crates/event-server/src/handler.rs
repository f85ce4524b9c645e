//! The connection handler as a state machine: `async_server`'s, step for step. Where a task would
//! wait, this one notes in which state it is and returns to the loop, which calls it again when
//! something has happened. What the compiler makes of an `async fn` looks much like this.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;
use server_core::{
    Aftermath, Connection, ConnectionError, Ending, Input, LINGER, Session, Step, client_has_ended,
    compute,
};
use tracing::{Span, info, info_span};

/// How many turns a client may take before it lets others run.
const BUDGET: usize = 64;

/// A connection, and where its conversation is.
pub(crate) struct Handler<'a> {
    connection: Connection<TcpStream>,
    session: Session<'a>,
    span: Span,
    state: State,
    readiness: Readiness,
    /// Since when it has been waiting, if it is.
    waiting_since: Option<Instant>,
}

/// What a handler does, or waits to be able to do.
enum State {
    /// Asks the session what comes next.
    Asking,
    /// Sends the answers, of which so many bytes have gone, and then takes this step.
    Sending(usize, Step),
    /// Waits for input.
    Receiving,
    /// Waits until then, and computes.
    Working(Instant),
    /// Has said its last word, and waits until then for the client to hear it.
    Lingering(Instant),
}

/// What a turn came to.
enum Turn {
    Done,
    /// And it has taken its time: it is the others' turn.
    Worked,
    /// It has to wait for an event, until then at most.
    WaitUntil(Instant),
    /// The last word is said.
    Ended(Ending),
    /// And the client has heard it, or had its time.
    Heard,
}

/// What the loop is to do with a handler.
pub(crate) enum Next {
    /// Call it again when something happens, or then.
    WaitUntil(Instant),
    /// Call it again when the others have had their turn.
    Yield,
    /// Drop it: that closes the connection.
    Close,
}

/// What the kernel has told of a socket. It tells of each change once.
#[derive(Default)]
struct Readiness {
    readable: bool,
    /// There will be no more input than there is.
    read_closed: bool,
    /// There was urgent data. A read stops short of it, and leaves what was told of already.
    urgent: bool,
    failed: bool,
}

impl<'a> Handler<'a> {
    /// A connection whose client has not said anything yet.
    pub(crate) fn new(connection: Connection<TcpStream>, session: Session<'a>) -> Self {
        let who = format_args!("connection {}", connection.number());
        let span = info_span!("connection", %who, peer = %connection.peer());
        span.in_scope(|| info!(event = "connected", "connected"));
        let (state, readiness) = (State::Asking, Readiness::default());
        Handler { connection, session, span, state, readiness, waiting_since: None }
    }

    /// Takes note of what the kernel tells.
    pub(crate) fn notice(&mut self, event: &Event) {
        let Readiness { readable, read_closed, urgent, failed } = &mut self.readiness;
        *readable |= event.is_readable();
        *read_closed |= event.is_read_closed();
        *urgent |= event.is_priority();
        *failed |= event.is_error();
    }

    /// Its time has come: before it gives up it reads once more, for what the kernel would tell may
    /// not have been asked for yet.
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
            let outcome = match turn.unwrap_or(Err(ConnectionError::Panicked)) {
                Ok(Turn::Done) => {
                    self.waiting_since = None;
                    continue;
                }
                Ok(Turn::Worked) => return Next::Yield,
                Ok(Turn::WaitUntil(deadline)) => return Next::WaitUntil(deadline),
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
        Next::Yield
    }

    fn turn(&mut self, draining: bool) -> Result<Turn, ConnectionError> {
        match self.state {
            State::Asking => Ok(self.ask()),
            State::Sending(sent, then) => self.send(sent, then),
            State::Receiving => self.receive(draining),
            State::Working(until) => self.work(until),
            State::Lingering(until) => self.linger(until),
        }
    }

    // ANCHOR: ask
    fn ask(&mut self) -> Turn {
        self.state = match self.session.step() {
            Step::Work => State::Working(Instant::now() + self.session.options().delay),
            step => State::Sending(0, step),
        };
        Turn::Done
    }

    /// What follows when the answers are sent.
    fn follow(&mut self, step: Step) -> Result<Turn, ConnectionError> {
        let (state, turn) = match step {
            Step::Read => (State::Receiving, Turn::Done),
            // It is done: its answer has gone.
            Step::Work => (State::Asking, Turn::Worked),
            Step::Crash(crash) => crash.now(),
            Step::Close(outcome) => return Ok(Turn::Ended(outcome?)),
        };
        self.state = state;
        Ok(turn)
    }
    // ANCHOR_END: ask

    /// Sends all answers in as few writes as the kernel takes.
    fn send(&mut self, sent: usize, then: Step) -> Result<Turn, ConnectionError> {
        let rest = &self.session.answers()[sent..];
        if rest.is_empty() {
            self.session.sent();
            return self.follow(then);
        }
        match self.connection.stream().write(rest) {
            Ok(count) => self.state = State::Sending(sent + count, then),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return self.wait(),
            Err(error) => return Err(error.into()),
        }
        Ok(Turn::Done)
    }

    /// Reads if there may be something, and else waits for it.
    // ANCHOR: receive
    fn receive(&mut self, draining: bool) -> Result<Turn, ConnectionError> {
        // The input may have come, and we have not asked the kernel yet.
        if !self.readiness.is_readable() && !draining && !self.rest_is_due() {
            return self.wait_for_message();
        }
        let input = match self.read()? {
            Some(0) if draining => self.end_of_drain()?,
            Some(count) => Input::Bytes(count),
            None if draining => Input::CutOff,
            None => return self.wait_for_message(),
        };
        self.session.receive(input);
        self.state = State::Asking;
        Ok(Turn::Done)
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

    /// Whose end a read has met during a drain. What came before the client's may have come since
    /// the read.
    fn end_of_drain(&mut self) -> io::Result<Input> {
        if !client_has_ended(self.connection.stream()) {
            return Ok(Input::CutOff);
        }
        Ok(Input::Bytes(self.connection.stream().read(self.session.space())?))
    }

    /// Waits for input, or until the rest of a message is due.
    fn wait_for_message(&mut self) -> Result<Turn, ConnectionError> {
        if self.rest_is_due() {
            self.session.receive(Input::Late);
            self.state = State::Asking;
            return Ok(Turn::Done);
        }
        match (self.wait()?, self.session.rest_due()) {
            (Turn::WaitUntil(idle_at), Some(due)) => Ok(Turn::WaitUntil(due.min(idle_at))),
            (turn, _) => Ok(turn),
        }
    }

    /// Whether the rest of a message should have come.
    fn rest_is_due(&mut self) -> bool {
        self.session.rest_due().is_some_and(|due| due <= Instant::now())
    }

    /// Waits for an event, but not for ever.
    fn wait(&mut self) -> Result<Turn, ConnectionError> {
        let (timeout, now) = (self.session.options().idle_timeout, Instant::now());
        let idle_at = *self.waiting_since.get_or_insert(now) + timeout;
        if now < idle_at {
            Ok(Turn::WaitUntil(idle_at))
        } else {
            Err(ConnectionError::Idle(timeout))
        }
    }

    /// Waits, but no longer than the connection lives, and computes where it stands.
    // ANCHOR: work
    fn work(&mut self, until: Instant) -> Result<Turn, ConnectionError> {
        if self.readiness.failed {
            let error = self.connection.stream().take_error()?;
            return Err(error.unwrap_or(ErrorKind::NotConnected.into()).into());
        }
        if Instant::now() < until {
            return Ok(Turn::WaitUntil(until));
        }
        compute(self.connection.stream(), self.session.options())?;
        self.state = State::Sending(0, Step::Work);
        Ok(Turn::Done)
    }
    // ANCHOR_END: work

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

    /// Reads and forgets until the client ends its side, or has had its time.
    fn linger(&mut self, until: Instant) -> Result<Turn, ConnectionError> {
        let mut forgotten = [0; 4096];
        match self.connection.stream().read(&mut forgotten) {
            _ if Instant::now() >= until => Ok(Turn::Heard),
            Ok(0) => Ok(Turn::Heard),
            Ok(_) => Ok(Turn::Done),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Turn::WaitUntil(until)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Readiness {
    /// Whether a read may find something: input, or its end.
    fn is_readable(&self) -> bool {
        self.readable || self.read_closed
    }
}
