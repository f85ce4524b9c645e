//! A load under way: the loop that waits for events and moves each connection on.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll};

use super::connection::{Connection, Progress, template};
use super::measurement::Measurement;
use super::places::{MOST_OPENING, Places};
use super::schedule::Schedule;
use super::{Extent, Load, LoadError, OnFailure, Outcome, Pace, Status};
use crate::failure::Failure;

/// How often overdue connections are looked for, and the watcher is called.
const TICK: Duration = Duration::from_millis(100);

/// From this length on, a gap between two looks at the clock is a standstill: no turn of the loop takes so
/// long by its own work.
const STANDSTILL: Duration = Duration::from_millis(100);

/// How long connections have to leave after the measurement, where their failures would only be
/// counted.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Run<'a> {
    load: &'a Load,
    /// The number of its first connection among those of all threads.
    first: usize,
    common: Common<'a>,
    poll: Poll,
    places: Places,
    /// In an open loop: when messages are due.
    schedule: Option<Schedule>,
    measurement: Measurement,
    /// Numbers the messages.
    sent: u64,
    /// Where each read goes.
    space: Vec<u8>,
    start: Instant,
    tick: Instant,
    /// Until when the clock was looked at in time: the last look, or the planned end of a wait.
    awake_until: Instant,
}

/// What the parts of a load have in common, and when the first message of this one is due.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) start: Instant,
    pub(super) first_message: Instant,
    /// How many parts there are.
    pub(super) parts: usize,
    /// Whether another part has failed: then this one ends at once.
    pub(super) has_failed: &'a AtomicBool,
    /// When the measurement is to end, if the watcher has ended it before its time.
    pub(super) end: &'a OnceLock<Instant>,
}

impl<'a> Run<'a> {
    /// Begins the part of a load that one thread drives, with the connections from `first` on.
    pub(super) fn start(
        load: &'a Load,
        first: usize,
        common: Common<'a>,
    ) -> Result<Self, LoadError> {
        let Common { start, first_message, parts, .. } = common;
        let all = match load.extent {
            Extent::Time { .. } => u64::MAX,
            Extent::Connections(all) => all,
        };
        let count = usize::try_from(all).unwrap_or(usize::MAX).min(load.connections);
        let schedule = match load.pace {
            Pace::Closed => None,
            Pace::Open { messages_per_second } => {
                Some(Schedule::new(first_message, messages_per_second))
            }
        };
        let on_demand = schedule.is_some() && load.messages_per_connection.is_some();
        let most_opening = (MOST_OPENING / parts).max(1);
        Ok(Run {
            load,
            first,
            common,
            poll: Poll::new().map_err(LoadError::Wait)?,
            places: Places::new(count, all, on_demand, most_opening, (start, load.ramp)),
            schedule,
            measurement: Measurement::new(load, start, count),
            sent: 0,
            space: vec![0; 64 * 1024],
            start,
            tick: start + TICK,
            awake_until: start,
        })
    }

    pub(super) fn drive(
        mut self,
        mut watch: impl FnMut(Status) -> ControlFlow<()>,
    ) -> Result<Outcome, LoadError> {
        let mut events = Events::with_capacity(1024);
        while !self.is_over() {
            let now = self.now();
            self.begin_and_end(now)?;
            self.open_due()?;
            self.send_due(now)?;
            self.wait(&mut events)?;
            events.iter().try_for_each(|event| self.advance(event))?;
            self.look_around(&mut watch)?;
        }
        let now = self.now();
        self.begin_and_end(now)?;
        if !self.measurement.is_closed() {
            // A fixed number of connections has come to its end, and every message with them.
            let taken = self.schedule.as_ref().map_or(0, Schedule::taken);
            self.measurement.settle(0, taken, 0);
        }
        self.measurement.finish()
    }

    /// Looks at the clock. If that comes far too late, this process has stood still: it was stopped, or others
    /// had its CPU. The load then takes the time of the standstill out of all that it measures, so that it is
    /// not charged to the server. What is less than [`STANDSTILL`], or before the end of a planned wait, is not
    /// noticed.
    fn now(&mut self) -> Instant {
        let now = Instant::now();
        let late = now.saturating_duration_since(self.awake_until);
        self.awake_until = now;
        if late > STANDSTILL {
            self.start += late;
            self.measurement.put_off(late);
            self.places.put_off(late);
            if let Some(schedule) = &mut self.schedule {
                schedule.put_off(late);
            }
        }
        now
    }

    fn is_over(&self) -> bool {
        let out_of_time = self.load.on_failure == OnFailure::Count
            && self.measurement.is_closed()
            && self.measurement.end().is_some_and(|end| end.elapsed() > GRACE);
        !self.places.in_use() || out_of_time || self.common.has_failed.load(Ordering::Relaxed)
    }

    /// Ten times a second: gives up on those that waited for too long, and calls the watcher.
    fn look_around(
        &mut self,
        watch: &mut impl FnMut(Status) -> ControlFlow<()>,
    ) -> Result<(), LoadError> {
        let now = self.now();
        if now < self.tick {
            return Ok(());
        }
        self.tick = now + TICK;
        self.expire(now)?;
        if self.measurement.is_closed() {
            return Ok(());
        }
        if watch(self.status(now)).is_break() {
            // All parts end at the same moment: it lies in the future, so that each hears of it before.
            let notice = if self.common.parts > 1 { 2 * TICK } else { Duration::ZERO };
            self.common.end.get_or_init(|| now + notice);
        }
        if let Some(end) = self.common.end.get() {
            self.measurement.end_at(*end);
        }
        Ok(())
    }

    /// Takes note when the measurement begins and when it ends, and then lets those leave that are
    /// at rest.
    fn begin_and_end(&mut self, now: Instant) -> Result<(), LoadError> {
        if !self.measurement.begin_and_end(now)? {
            return Ok(());
        }
        let end = self.measurement.end().unwrap_or(now);
        let (taken, unsent) =
            self.schedule.as_ref().map_or((0, 0), |it| (it.taken(), it.overdue(end)));
        let in_flight = self.places.connections().filter(|one| one.has_message()).count();
        self.measurement.settle(in_flight as u64, taken, unsent);
        if self.load.on_failure == OnFailure::Count {
            self.places.open_no_more();
        }
        for number in self.places.take_all_idle() {
            self.leave(number, now)?;
        }
        Ok(())
    }

    /// Fills the places that are empty, a few at a time.
    fn open_due(&mut self) -> Result<(), LoadError> {
        loop {
            // For each: to make a large message takes time.
            let now = self.now();
            let Some(number) = self.places.next_to_open(now) else { return Ok(()) };
            self.open(number, None, now)?;
        }
    }

    /// Opens a connection, to send a message over it that was due then, if there is one.
    fn open(&mut self, number: usize, due: Option<Instant>, now: Instant) -> Result<(), LoadError> {
        let Load { server, message_size, .. } = *self.load;
        let message = template(self.first + number, message_size);
        match Connection::open(server, number, self.poll.registry(), message) {
            Ok(mut connection) => {
                connection.due = due;
                self.places.enter(number, connection);
                Ok(())
            }
            Err(failure) => {
                self.measurement.lost(due.is_some());
                self.failed(number, failure, now)
            }
        }
    }

    /// In an open loop: gives the messages that are due to connections that are idle.
    fn send_due(&mut self, now: Instant) -> Result<(), LoadError> {
        while self.measurement.goes_on(now)
            && self.places.has_idle()
            && let Some(due) = self.schedule.as_mut().and_then(|schedule| schedule.take(now))
            && let Some(number) = self.places.take_idle()
        {
            match self.places.get(number) {
                Some(_) => self.send(number, due, now)?,
                None => self.open(number, Some(due), now)?,
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> Result<(), LoadError> {
        let schedule = self.schedule.as_ref().filter(|_| self.places.has_idle());
        let next_message = schedule.map(Schedule::next);
        let wakes = [
            self.measurement.end().filter(|_| !self.measurement.is_closed()),
            next_message,
            self.places.next_opening(),
        ];
        let wake = wakes.into_iter().flatten().fold(self.tick, Instant::min);
        let mut rest = wake.saturating_duration_since(self.now());
        self.awake_until = self.awake_until.max(wake);
        if next_message.is_some() {
            sleep_until_ready(&self.poll, rest);
            rest = Duration::ZERO;
        }
        match self.poll.poll(events, Some(rest)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result.map_err(LoadError::Wait),
        }
    }

    /// Lets one connection do all that it can without waiting. All of it happens at one instant, so
    /// that the measurement's end does not fall between two looks at the clock.
    fn advance(&mut self, event: &Event) -> Result<(), LoadError> {
        let (number, now) = (event.token().0, self.now());
        // What comes after the end was in flight at the end.
        self.begin_and_end(now)?;
        match self.places.get(number) {
            None => Ok(()),
            Some(connection) => {
                let progress = connection.advance(event, &mut self.space);
                self.proceed(number, progress, now)
            }
        }
    }

    fn proceed(
        &mut self,
        number: usize,
        progress: Result<Progress, Failure>,
        now: Instant,
    ) -> Result<(), LoadError> {
        match progress {
            Ok(Progress::Waiting) => Ok(()),
            Ok(Progress::Established) => {
                self.places.established();
                self.next_message(number, now)
            }
            Ok(Progress::Answered) => self.was_answered(number, now),
            Ok(Progress::Ended) => self.ended(number, now),
            Err(failure) => self.failed(number, failure, now),
        }
    }

    /// What a connection does that has nothing to wait for.
    fn next_message(&mut self, number: usize, now: Instant) -> Result<(), LoadError> {
        if !self.measurement.goes_on(now) {
            return self.leave(number, now);
        }
        let due = self.places.get(number).and_then(|connection| connection.due.take());
        match due {
            Some(due) => self.send(number, due, now),
            None if self.schedule.is_none() => self.send(number, now, now),
            None => {
                self.places.rest(number);
                self.send_due(now)
            }
        }
    }

    fn send(&mut self, number: usize, intended: Instant, now: Instant) -> Result<(), LoadError> {
        self.sent += 1;
        let Some(connection) = self.places.get(number) else {
            return Ok(());
        };
        let sent = connection.send(self.sent, intended, now);
        self.proceed(number, sent.map(|()| Progress::Waiting), now)
    }

    fn leave(&mut self, number: usize, now: Instant) -> Result<(), LoadError> {
        let Some(connection) = self.places.get(number) else {
            return Ok(());
        };
        let left = connection.leave(self.load.farewell, now);
        self.proceed(number, left, now)
    }

    fn was_answered(&mut self, number: usize, now: Instant) -> Result<(), LoadError> {
        let Some(connection) = self.places.get(number) else {
            return Ok(());
        };
        if now.saturating_duration_since(connection.waiting_since) > self.load.patience {
            self.measurement.lost(true);
            return self.failed(number, Failure::TimedOut(self.load.patience), now);
        }
        let (intended, messages) = (connection.intended, connection.messages);
        self.measurement.answered(number, intended, now);
        if self.load.messages_per_connection == Some(messages) {
            return self.leave(number, now);
        }
        self.next_message(number, now)
    }

    fn ended(&mut self, number: usize, now: Instant) -> Result<(), LoadError> {
        let goes_on = self.measurement.goes_on(now);
        if let Some(connection) = self.places.ended(number, goes_on) {
            self.measurement.ended(connection.opened, now);
        }
        self.open_due()
    }

    fn failed(&mut self, number: usize, failure: Failure, now: Instant) -> Result<(), LoadError> {
        if self.load.on_failure == OnFailure::Stop {
            return Err(LoadError::Connection { number: self.first + number, failure });
        }
        self.measurement.failed(&failure, now);
        self.measurement.lost(self.places.get(number).is_some_and(|one| one.has_message()));
        self.places.failed(number, now, self.measurement.goes_on(now));
        Ok(())
    }

    /// Gives up the connections that have waited for too long.
    fn expire(&mut self, now: Instant) -> Result<(), LoadError> {
        let patience = self.load.patience;
        for number in 0..self.places.count() {
            if let Some(connection) = self.places.get(number)
                && connection.is_waiting()
                && now.saturating_duration_since(connection.waiting_since) > patience
            {
                // Where very many time out together, that takes time.
                let now = self.now();
                self.failed(number, Failure::TimedOut(patience), now)?;
            }
        }
        Ok(())
    }

    fn status(&self, now: Instant) -> Status {
        let outcome = &self.measurement.outcome;
        Status {
            elapsed: now - self.start,
            established: self.places.connections().filter(|one| !one.is_opening()).count(),
            answered_connections: self.measurement.answered_connections(),
            messages: outcome.all_messages,
            failures: outcome.failures.total() + outcome.warm_up_failures,
        }
    }
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
