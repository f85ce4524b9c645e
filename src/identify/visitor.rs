//! A client that looks at a server from outside: it comes, asks, waits, and leaves in good order. Nothing
//! that it does waits for the server, but for a time.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use client::probe::{self, Probe};
use protocol::Framing;

/// The server that is looked at, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// How its messages are told apart.
    pub(super) framing: Framing,
    /// How long a server that has room for a client may take for its answer. Who has none then is frozen.
    pub(super) patience: Duration,
    /// When it must all be over.
    pub(super) deadline: Instant,
}

/// How long after one client the next one comes: a backlog of five must not overflow.
const PACE: Duration = Duration::from_millis(2);

/// How long a connection may take at least: a second attempt comes after a second.
const CONNECT: Duration = Duration::from_millis(1500);

/// The buffers of a connection, in bytes: small, so that who does not read is soon noticed.
const BUFFERS: usize = 64 * 1024;

/// How long nothing must move for buffers to be full.
const STILL: Duration = Duration::from_millis(150);

/// How long after the end of all clients may still take their leave.
const OVERTIME: Duration = Duration::from_secs(1);

/// What has come of a visitor's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has asked nothing, or not to the end.
    Silent,
    /// It waits for the answer.
    Waiting,
    /// It has been answered.
    Answered,
    /// The connection has ended, or what came is no echo.
    Gone(String),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Visitor {
    probe: Probe,
    /// Its own address.
    pub(super) local: SocketAddr,
    framing: Framing,
    /// What is to come back yet.
    expected: Vec<u8>,
    pub(super) state: State,
    asked: Instant,
    /// How long the answer took.
    pub(super) took: Duration,
    /// Whether it has begun a message that it must end before another.
    is_amid_a_message: bool,
}

impl Host {
    /// Whether there is time for so much more.
    pub(super) fn has_time_for(&self, much: Duration) -> bool {
        Instant::now() + much < self.deadline
    }

    /// Whether it should have been over a while ago.
    fn is_overdue(&self) -> bool {
        Instant::now() > self.deadline + OVERTIME
    }

    /// Connects. Blocks for the patience at most, or the time that a second attempt takes.
    pub(super) fn visit(&self) -> io::Result<Visitor> {
        let probe = Probe::with_buffers(self.address, self.patience.max(CONNECT), BUFFERS)?;
        let local = probe.local_address()?;
        thread::sleep(PACE);
        Ok(Visitor {
            probe,
            local,
            framing: self.framing,
            expected: Vec::new(),
            state: State::Silent,
            asked: Instant::now(),
            took: Duration::ZERO,
            is_amid_a_message: false,
        })
    }

    /// Connects and asks.
    pub(super) fn ask(&self) -> io::Result<Visitor> {
        let mut visitor = self.visit()?;
        visitor.ask();
        Ok(visitor)
    }

    /// This many who ask, or fewer where the server takes no more connections.
    pub(super) fn ask_by(&self, count: usize) -> Vec<Visitor> {
        (0..count).map_while(|_| self.ask().ok()).collect()
    }

    /// Waits until all that wait are answered, or nobody has been for so long.
    pub(super) fn settle(&self, visitors: &mut [Visitor], quiet: Duration) {
        self.settle_until(visitors, quiet, 0);
    }

    /// The same, and waits no longer when so few are left that wait.
    pub(super) fn settle_until(&self, visitors: &mut [Visitor], quiet: Duration, left: usize) {
        let mut last = Instant::now();
        loop {
            let before = waiting(visitors);
            visitors.iter_mut().for_each(Visitor::look);
            let after = waiting(visitors);
            if after < before {
                last = Instant::now();
            }
            let rest = quiet.saturating_sub(last.elapsed());
            if after <= left || rest.is_zero() || !self.has_time_for(Duration::ZERO) {
                return;
            }
            let wanted = visitors.iter().filter(|it| it.state == State::Waiting);
            probe::wait(wanted.map(|it| &it.probe), rest);
        }
    }

    /// Has one more client ask, beside those that are there, and waits for its answer as long as it
    /// takes to know.
    pub(super) fn newcomer(&self) -> io::Result<Visitor> {
        let mut newcomer = [self.ask()?];
        // Twice, lest a moment in which the machine was busy be taken for a stop.
        for _ in 0..2 {
            self.settle(&mut newcomer, self.patience);
        }
        let [newcomer] = newcomer;
        Ok(newcomer)
    }

    /// Lets all leave: each ends what it has begun, says `Bye`, ends its side, and reads until the end,
    /// so that nothing is reset. Who knows no `Bye` sends it back, and finds the end of input.
    pub(super) fn part_with(&self, mut visitors: Vec<Visitor>) {
        visitors.iter_mut().for_each(Visitor::take_leave);
        let mut last = Instant::now();
        let patience = self.patience.max(Duration::from_secs(1));
        while !visitors.is_empty() && last.elapsed() < patience && !self.is_overdue() {
            let before = visitors.len();
            visitors.retain_mut(|it| !it.has_ended());
            if visitors.len() < before {
                last = Instant::now();
            }
            probe::wait(visitors.iter().map(|it| &it.probe), Duration::from_millis(20));
        }
    }

    /// Has all of these send and not read, until the server has taken nothing for a while.
    pub(super) fn stuff(&self, visitors: &mut [Visitor]) {
        let mut last = Instant::now();
        while last.elapsed() < STILL.max(self.patience / 2) && self.has_time_for(STILL) {
            let taken: usize = visitors.iter_mut().map(|it| it.probe.stuff()).sum();
            if taken > 0 {
                last = Instant::now();
            }
            thread::sleep(PACE);
        }
    }
}

impl Visitor {
    /// Sends a message.
    pub(super) fn ask(&mut self) {
        let message =
            format!("a question from port {}{}", self.local.port(), self.framing.line_end());
        self.asked = Instant::now();
        self.expected = message.into_bytes();
        self.state = State::Waiting;
        self.probe.send(&self.expected);
    }

    /// Sends a message without its end.
    pub(super) fn ask_half(&mut self) {
        self.is_amid_a_message = true;
        self.probe.send("half a mess");
    }

    /// Whether it has been answered.
    pub(super) fn is_answered(&self) -> bool {
        self.state == State::Answered
    }

    /// Whether it waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) {
        self.probe.reset();
    }

    /// Sends these bytes, and expects no echo of them.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.probe.send(bytes);
    }

    /// Takes what has come.
    pub(super) fn look(&mut self) {
        let mut bytes = [0; 4096];
        while !matches!(self.state, State::Gone(_)) {
            match self.probe.look(&mut bytes) {
                Ok(None) => return,
                Ok(Some(0)) => self.state = State::Gone("the end of the connection".to_owned()),
                Ok(Some(count)) => self.receive(&bytes[..count]),
                Err(error) => self.state = State::Gone(error.to_string()),
            }
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        if !self.expected.starts_with(bytes) {
            let text = String::from_utf8_lossy(bytes);
            let text: String = text.chars().take(40).collect();
            self.state = State::Gone(format!("{text:?}, which is no echo"));
            return;
        }
        self.expected.drain(..bytes.len());
        if self.expected.is_empty() {
            self.took = self.asked.elapsed();
            self.state = State::Answered;
        }
    }

    fn take_leave(&mut self) {
        let end = self.framing.line_end();
        if self.is_amid_a_message {
            self.send(end.as_bytes());
        }
        if !self.probe.is_stuffed() {
            self.send(format!("Bye{end}").as_bytes());
        }
        self.probe.half_close();
    }

    /// Reads what there is, and says whether there is no more.
    fn has_ended(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        loop {
            match self.probe.look(&mut bytes) {
                Ok(Some(1..)) => {}
                Ok(None) => return false,
                Ok(Some(0)) | Err(_) => return true,
            }
        }
    }
}

/// How many wait for their answer.
fn waiting(visitors: &[Visitor]) -> usize {
    visitors.iter().filter(|it| it.is_waiting()).count()
}
