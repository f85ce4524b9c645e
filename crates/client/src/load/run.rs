//! A load under way: the loop that waits for events and moves each connection on.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll};
use server_core::CpuTime;

use super::connection::{Connection, Progress};
use super::schedule::Schedule;
use super::{
    Extent, Failure, FailureKind, Histogram, Load, LoadError, OnFailure, Outcome, Pace, Status,
};

/// How often overdue connections are looked for, and the watcher is called.
const TICK: Duration = Duration::from_millis(100);

/// How long the place of a failed connection stays empty, lest a server that refuses every
/// connection is asked as fast as it can refuse.
const PAUSE: Duration = Duration::from_millis(100);

/// How many handshakes are under way at a time: well below the backlog of any server that has one.
const MOST_OPENING: usize = 100;

/// How long connections have to leave after the measurement, where their failures would only be
/// counted.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Run<'a> {
    load: &'a Load,
    poll: Poll,
    /// One place for each of the simultaneous connections.
    places: Vec<Option<Connection>>,
    /// The places to fill now.
    to_open: VecDeque<usize>,
    /// The places of connections that failed, and when to fill them, the soonest first.
    to_open_later: VecDeque<(Instant, usize)>,
    opening: usize,
    /// How many places are in use, filled or to be filled.
    in_use: usize,
    /// How many connections were begun.
    opened: u64,
    schedule: Option<Schedule>,
    /// In an open loop: places that wait for a message to be due, each in its turn.
    idle: VecDeque<usize>,
    answered: Vec<bool>,
    /// Numbers the messages.
    sent: u64,
    /// Where each read goes.
    space: Vec<u8>,
    start: Instant,
    tick: Instant,
    /// Measured is what happens between these, up to the last connection's end where there is none.
    begin: Instant,
    end: Option<Instant>,
    cpu_at_begin: Option<CpuTime>,
    closing: bool,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    pub(super) fn start(load: &'a Load) -> Result<Self, LoadError> {
        let start = Instant::now();
        let (begin, end, places) = match load.extent {
            Extent::Time { warm_up, duration } => {
                (start + warm_up, Some(start + warm_up + duration), load.connections)
            }
            Extent::Connections(all) => {
                (start, None, usize::try_from(all).unwrap_or(usize::MAX).min(load.connections))
            }
        };
        let schedule = match load.pace {
            Pace::Closed => None,
            Pace::Open { messages_per_second } => Some(Schedule::new(start, messages_per_second)),
        };
        let mut run = Run {
            load,
            poll: Poll::new().map_err(LoadError::Wait)?,
            places: (0..places).map(|_| None).collect(),
            to_open: VecDeque::new(),
            to_open_later: VecDeque::new(),
            opening: 0,
            in_use: places,
            opened: 0,
            schedule,
            idle: VecDeque::new(),
            answered: vec![false; places],
            sent: 0,
            space: vec![0; 64 * 1024],
            start,
            tick: start + TICK,
            begin,
            end,
            cpu_at_begin: None,
            closing: false,
            outcome: Outcome::new(),
        };
        (0..places).for_each(|number| run.fill(number));
        Ok(run)
    }

    /// Puts an empty place to use: a connection is opened now, or, where an open loop gives each
    /// connection a few messages only, when a message is due, so that its latency has the
    /// connection's start in it.
    fn fill(&mut self, number: usize) {
        if self.schedule.is_some() && self.load.messages_per_connection.is_some() {
            self.idle.push_back(number);
        } else {
            self.to_open.push_back(number);
        }
    }

    pub(super) fn drive(
        mut self,
        mut watch: impl FnMut(Status) -> ControlFlow<()>,
    ) -> Result<Outcome, LoadError> {
        let mut events = Events::with_capacity(1024);
        while !self.is_over() {
            self.begin_and_end(Instant::now())?;
            self.open_due()?;
            self.send_due()?;
            self.wait(&mut events)?;
            events.iter().try_for_each(|event| self.advance(event))?;
            let now = Instant::now();
            if now >= self.tick {
                self.tick = now + TICK;
                self.expire(now)?;
                if !self.closing && watch(self.status(now)).is_break() {
                    self.end = Some(now);
                }
            }
        }
        self.begin_and_end(Instant::now())?;
        self.finish();
        Ok(self.outcome)
    }

    fn is_over(&self) -> bool {
        let out_of_time = self.load.on_failure == OnFailure::Count
            && self.closing
            && self.end.is_some_and(|end| end.elapsed() > GRACE);
        self.in_use == 0 || out_of_time
    }

    /// Takes note when the measurement begins and when it ends.
    fn begin_and_end(&mut self, now: Instant) -> Result<(), LoadError> {
        if self.cpu_at_begin.is_none() && now >= self.begin {
            self.cpu_at_begin = Some(cpu()?);
        }
        if self.closing || self.goes_on(now) {
            return Ok(());
        }
        self.closing = true;
        self.outcome.client_cpu = self.cpu_since_begin()?;
        self.outcome.in_flight = self.connections().filter(|one| one.has_message()).count() as u64;
        let end = self.end.unwrap_or(now);
        self.outcome.unsent = self.schedule.as_ref().map_or(0, |all| all.overdue(end));
        if self.load.on_failure == OnFailure::Count {
            self.in_use -= self.to_open.len() + self.to_open_later.len();
            self.to_open.clear();
            self.to_open_later.clear();
        }
        for number in std::mem::take(&mut self.idle) {
            match self.places[number] {
                Some(_) => self.leave(number, now)?,
                None => self.in_use -= 1,
            }
        }
        Ok(())
    }

    fn cpu_since_begin(&self) -> Result<CpuTime, LoadError> {
        Ok(cpu()?.since(self.cpu_at_begin.unwrap_or_default()))
    }

    fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.places.iter().flatten()
    }

    /// Fills the places that are empty, a few at a time.
    fn open_due(&mut self) -> Result<(), LoadError> {
        while self.to_open_later.front().is_some_and(|(time, _)| *time <= Instant::now()) {
            if let Some((_, number)) = self.to_open_later.pop_front() {
                self.fill(number);
            }
        }
        while self.opening < MOST_OPENING
            && let Some(number) = self.to_open.pop_front()
        {
            self.open(number, None)?;
        }
        Ok(())
    }

    /// Opens a connection, to send a message over it that was due then, if there is one.
    fn open(&mut self, number: usize, due: Option<Instant>) -> Result<(), LoadError> {
        self.opened += 1;
        let Load { server, message_size, .. } = *self.load;
        match Connection::open(server, number, self.poll.registry(), message_size) {
            Ok(mut connection) => {
                connection.due = due;
                self.places[number] = Some(connection);
                self.opening += 1;
                Ok(())
            }
            Err(failure) => self.failed(number, failure),
        }
    }

    /// In an open loop: gives the messages that are due to connections that are idle.
    fn send_due(&mut self) -> Result<(), LoadError> {
        let now = Instant::now();
        while self.goes_on(now)
            && self.has_free_connection()
            && let Some(due) = self.schedule.as_mut().and_then(|schedule| schedule.take(now))
            && let Some(number) = self.idle.pop_front()
        {
            match self.places[number] {
                Some(_) => self.send(number, due, now)?,
                None => self.open(number, Some(due))?,
            }
        }
        Ok(())
    }

    /// Whether a message that is due can be sent.
    fn has_free_connection(&self) -> bool {
        match self.idle.front() {
            Some(number) => self.places[*number].is_some() || self.opening < MOST_OPENING,
            None => false,
        }
    }

    fn wait(&mut self, events: &mut Events) -> Result<(), LoadError> {
        let next_message = self.schedule.as_ref().filter(|_| self.has_free_connection());
        let next_open = self.to_open_later.front();
        let wakes = [
            self.end.filter(|_| !self.closing),
            next_message.map(Schedule::next),
            next_open.map(|(time, _)| *time),
        ];
        let wake = wakes.into_iter().flatten().fold(self.tick, Instant::min);
        let mut rest = wake.saturating_duration_since(Instant::now());
        if next_message.is_some() {
            sleep_until_ready(&self.poll, rest);
            rest = Duration::ZERO;
        }
        match self.poll.poll(events, Some(rest)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result.map_err(LoadError::Wait),
        }
    }

    /// Lets one connection do all that it can without waiting.
    fn advance(&mut self, event: &Event) -> Result<(), LoadError> {
        let number = event.token().0;
        // What comes after the end was in flight at the end.
        self.begin_and_end(Instant::now())?;
        let Some(connection) = &mut self.places[number] else {
            return Ok(());
        };
        let progress = connection.advance(event, &mut self.space);
        self.proceed(number, progress)
    }

    fn proceed(
        &mut self,
        number: usize,
        progress: Result<Progress, Failure>,
    ) -> Result<(), LoadError> {
        match progress {
            Ok(Progress::Waiting) => Ok(()),
            Ok(Progress::Established) => {
                self.opening -= 1;
                self.next_message(number, Instant::now())
            }
            Ok(Progress::Answered) => self.was_answered(number),
            Ok(Progress::Ended) => self.ended(number),
            Err(failure) => self.failed(number, failure),
        }
    }

    /// What a connection does that has nothing to wait for.
    fn next_message(&mut self, number: usize, now: Instant) -> Result<(), LoadError> {
        if !self.goes_on(now) {
            return self.leave(number, now);
        }
        let due = self.places[number].as_mut().and_then(|connection| connection.due.take());
        match due {
            Some(due) => self.send(number, due, now),
            None if self.schedule.is_none() => self.send(number, now, now),
            None => {
                self.idle.push_back(number);
                self.send_due()
            }
        }
    }

    fn send(&mut self, number: usize, intended: Instant, now: Instant) -> Result<(), LoadError> {
        self.sent += 1;
        let Some(connection) = &mut self.places[number] else {
            return Ok(());
        };
        let sent = connection.send(self.sent, intended, now);
        self.proceed(number, sent.map(|()| Progress::Waiting))
    }

    fn leave(&mut self, number: usize, now: Instant) -> Result<(), LoadError> {
        let Some(connection) = &mut self.places[number] else {
            return Ok(());
        };
        let left = connection.leave(self.load.farewell, now);
        self.proceed(number, left)
    }

    fn was_answered(&mut self, number: usize) -> Result<(), LoadError> {
        let now = Instant::now();
        let Some(connection) = &self.places[number] else {
            return Ok(());
        };
        if now - connection.waiting_since > self.load.patience {
            return self.failed(number, Failure::TimedOut(self.load.patience));
        }
        self.outcome.all_messages += 1;
        if self.begin <= now && self.goes_on(now) {
            self.answered[number] = true;
            record(&mut self.outcome.message_latency, now - connection.intended);
        }
        if self.load.messages_per_connection == Some(connection.messages) {
            return self.leave(number, now);
        }
        self.next_message(number, now)
    }

    fn ended(&mut self, number: usize) -> Result<(), LoadError> {
        let now = Instant::now();
        let Some(connection) = self.places[number].take() else {
            return Ok(());
        };
        self.outcome.all_connections += 1;
        if self.begin <= now && self.goes_on(now) {
            record(&mut self.outcome.connection_latency, now - connection.opened);
        }
        self.replace(number, now);
        self.open_due()
    }

    /// A connection has gone, and another takes its place if there is more to do.
    fn replace(&mut self, number: usize, from: Instant) {
        let all = match self.load.extent {
            Extent::Time { .. } => u64::MAX,
            Extent::Connections(all) => all,
        };
        let to_come = self.opened + (self.to_open.len() + self.to_open_later.len()) as u64;
        if !self.goes_on(from) || to_come >= all {
            self.in_use -= 1;
        } else if from > Instant::now() {
            self.to_open_later.push_back((from, number));
        } else {
            self.fill(number);
        }
    }

    fn failed(&mut self, number: usize, failure: Failure) -> Result<(), LoadError> {
        if self.load.on_failure == OnFailure::Stop {
            return Err(LoadError::Connection { number, failure });
        }
        let now = Instant::now();
        // What is in flight at the end was counted as that. A wrong echo is wrong at any time.
        if failure.kind() == FailureKind::WrongEcho || self.begin <= now && !self.closing {
            self.outcome.failures.add(&failure);
        } else if !self.closing {
            self.outcome.warm_up_failures += 1;
        }
        if self.places[number].take().is_some_and(|connection| connection.is_opening()) {
            self.opening -= 1;
        }
        self.idle.retain(|idle| *idle != number);
        self.replace(number, if self.goes_on(now) { now + PAUSE } else { now });
        Ok(())
    }

    /// Gives up the connections that have waited for too long.
    fn expire(&mut self, now: Instant) -> Result<(), LoadError> {
        let patience = self.load.patience;
        for number in 0..self.places.len() {
            if let Some(connection) = &self.places[number]
                && connection.is_waiting()
                && now.saturating_duration_since(connection.waiting_since) > patience
            {
                self.failed(number, Failure::TimedOut(patience))?;
            }
        }
        Ok(())
    }

    /// Whether the measurement has not ended.
    fn goes_on(&self, now: Instant) -> bool {
        self.end.is_none_or(|end| now < end)
    }

    fn status(&self, now: Instant) -> Status {
        Status {
            elapsed: now - self.start,
            established: self.connections().filter(|one| !one.is_opening()).count(),
            messages: self.outcome.all_messages,
            failures: self.outcome.failures.total() + self.outcome.warm_up_failures,
        }
    }

    fn finish(&mut self) {
        let end = self.end.unwrap_or_else(Instant::now);
        self.outcome.elapsed = end.saturating_duration_since(self.begin);
        self.outcome.answered_connections =
            self.answered.iter().filter(|answered| **answered).count();
    }
}

fn cpu() -> Result<CpuTime, LoadError> {
    CpuTime::of_this_process().map_err(LoadError::Wait)
}

fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    histogram.saturating_record(nanoseconds);
}

/// Sleeps until there is an event or `longest` is over, to the microsecond. `epoll_wait` counts in
/// milliseconds: too coarse for messages that are due a few thousand times a second.
#[cfg(target_os = "linux")]
fn sleep_until_ready(poll: &Poll, longest: Duration) {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, ppoll};

    let mut descriptor = [PollFd::new(poll.registry().as_fd(), PollFlags::POLLIN)];
    // An interrupted sleep is as good as an event: the caller looks again.
    let _ = ppoll(&mut descriptor, Some(longest.into()), None);
}

/// Does not sleep: precision is worth the CPU time.
#[cfg(not(target_os = "linux"))]
fn sleep_until_ready(_: &Poll, _: Duration) {}
