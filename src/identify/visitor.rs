//! A client that looks at a server from outside: it comes, asks, waits, and leaves in good order. Nothing
//! that it does waits for the server, but for a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::Framing;
use socket2::{Domain, SockRef, Socket, Type};

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

/// What a client that does not read sends at most, in bytes: far more than any buffers hold.
const STUFFING: usize = 16 << 20;

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
    stream: TcpStream,
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
    /// How much it has sent without reading, in bytes.
    stuffed: usize,
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
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        // Small, so that who does not read is soon noticed. It must be set before the connection is there.
        socket.set_recv_buffer_size(64 * 1024)?;
        socket.set_send_buffer_size(64 * 1024)?;
        socket.connect_timeout(&self.address.into(), self.patience.max(CONNECT))?;
        socket.set_tcp_nodelay(true)?;
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        let (local, now) = (stream.local_addr()?, Instant::now());
        thread::sleep(PACE);
        Ok(Visitor {
            stream,
            local,
            framing: self.framing,
            expected: Vec::new(),
            state: State::Silent,
            asked: now,
            took: Duration::ZERO,
            is_amid_a_message: false,
            stuffed: 0,
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
            wait_for_input(wanted, rest);
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
            wait_for_input(visitors.iter(), Duration::from_millis(20));
        }
    }

    /// Has all of these send and not read, until the server has taken nothing for a while.
    pub(super) fn stuff(&self, visitors: &mut [Visitor]) {
        let mut last = Instant::now();
        while last.elapsed() < STILL.max(self.patience / 2) && self.has_time_for(STILL) {
            let taken: usize = visitors.iter_mut().map(Visitor::stuff).sum();
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
        if let Err(error) = self.stream.write_all(&self.expected) {
            self.state = State::Gone(error.to_string());
        }
    }

    /// Sends a message without its end.
    pub(super) fn ask_half(&mut self) {
        self.is_amid_a_message = self.stream.write_all(b"half a mess").is_ok();
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
        // Where it fails the connection is closed: a milder case of the same.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Sends these bytes, and expects no echo of them.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Takes what has come.
    pub(super) fn look(&mut self) {
        let mut bytes = [0; 4096];
        while !matches!(self.state, State::Gone(_)) {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.state = State::Gone("the end of the connection".to_owned()),
                Ok(count) => self.receive(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
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

    /// Sends once more of what it does not read, and returns how much was taken.
    fn stuff(&mut self) -> usize {
        let lines = "a line that is answered and not read\n".repeat(1024);
        let before = self.stuffed;
        while self.stuffed < STUFFING {
            match self.stream.write(lines.as_bytes()) {
                Ok(count @ 1..) => self.stuffed += count,
                _ => break,
            }
        }
        self.stuffed - before
    }

    fn take_leave(&mut self) {
        let end = self.framing.line_end();
        if self.is_amid_a_message {
            self.send(end.as_bytes());
        }
        if self.stuffed == 0 {
            self.send(format!("Bye{end}").as_bytes());
        }
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads what there is, and says whether there is no more.
    fn has_ended(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return true,
            }
        }
    }
}

/// How many wait for their answer.
fn waiting(visitors: &[Visitor]) -> usize {
    visitors.iter().filter(|it| it.is_waiting()).count()
}

/// Waits until there is something to read for one of these, or for so long.
fn wait_for_input<'a>(visitors: impl Iterator<Item = &'a Visitor>, longest: Duration) {
    let ready = |it: &'a Visitor| PollFd::new(it.stream.as_fd(), PollFlags::POLLIN);
    let mut ready: Vec<PollFd<'_>> = visitors.map(ready).collect();
    let longest = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
    // An interrupted wait is as good as an event: the caller looks again.
    let _ = poll(&mut ready, longest);
}
