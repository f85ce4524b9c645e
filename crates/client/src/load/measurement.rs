//! What is measured of a load, and what is not: from the warm-up's end to the time's end.

use std::time::{Duration, Instant};

use server_core::CpuTime;

use super::{Extent, Histogram, Load, LoadError, Outcome};
use crate::failure::{Failure, FailureKind};

/// The books of a load. Every message that is sent or due within the measurement ends in one
/// account: answered, in flight, unsent or lost with its connection.
pub(super) struct Measurement {
    begin: Instant,
    /// Up to the last connection's end where there is none.
    end: Option<Instant>,
    /// Whether the end was taken note of.
    closed: bool,
    cpu_at_begin: Option<CpuTime>,
    /// Which places have had an answer.
    answered: Vec<bool>,
    /// How many messages were lost with their connections, also outside the measured time.
    lost: u64,
    /// How many messages were answered or lost when the measurement began.
    settled_at_begin: u64,
    lost_at_begin: u64,
    pub(super) outcome: Outcome,
}

impl Measurement {
    pub(super) fn new(load: &Load, start: Instant, places: usize) -> Self {
        let (begin, end) = match load.extent {
            Extent::Time { warm_up, duration } => {
                (start + warm_up, Some(start + warm_up + duration))
            }
            Extent::Connections(_) => (start, None),
        };
        Measurement {
            begin,
            end,
            closed: false,
            cpu_at_begin: None,
            answered: vec![false; places],
            lost: 0,
            settled_at_begin: 0,
            lost_at_begin: 0,
            outcome: Outcome::new(),
        }
    }

    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the measurement has not ended.
    pub(super) fn goes_on(&self, now: Instant) -> bool {
        self.end.is_none_or(|end| now < end)
    }

    fn counts(&self, now: Instant) -> bool {
        self.begin <= now && self.goes_on(now)
    }

    /// Ends it then, if that is before its time.
    pub(super) fn end_at(&mut self, end: Instant) {
        self.end = Some(self.end.map_or(end, |planned| planned.min(end)));
    }

    /// Takes note when the measurement begins and when it ends. Says whether it has ended just now.
    pub(super) fn begin_and_end(&mut self, now: Instant) -> Result<bool, LoadError> {
        if self.cpu_at_begin.is_none() && now >= self.begin {
            self.cpu_at_begin = Some(cpu()?);
            self.settled_at_begin = self.outcome.all_messages + self.lost;
            self.lost_at_begin = self.lost;
        }
        if self.closed || self.goes_on(now) {
            return Ok(false);
        }
        self.close()?;
        Ok(true)
    }

    fn close(&mut self) -> Result<(), LoadError> {
        self.closed = true;
        self.outcome.client_cpu = cpu()?.since(self.cpu_at_begin.unwrap_or_default());
        Ok(())
    }

    /// Takes a standstill of the client out of the measured time.
    pub(super) fn put_off(&mut self, time: Duration) {
        self.begin += time;
        self.end = self.end.map(|end| end + time);
        if self.cpu_at_begin.is_some() && !self.closed {
            self.outcome.standstills += 1;
            self.outcome.stood_still += time;
        }
    }

    /// A connection was lost, and a message with it, if it had one.
    pub(super) fn lost(&mut self, message: bool) {
        self.lost += u64::from(message);
    }

    /// Takes note of what is not settled at the measurement's end, and so of all that was due: of the
    /// schedule, where there is one, this many messages were `taken`.
    pub(super) fn settle(&mut self, in_flight: u64, taken: u64, unsent: u64) {
        let outcome = &mut self.outcome;
        (outcome.in_flight, outcome.unsent) = (in_flight, unsent);
        outcome.lost = self.lost - self.lost_at_begin;
        // There is no schedule in a closed loop.
        outcome.due = (taken + unsent).saturating_sub(self.settled_at_begin);
    }

    /// How many places have had an answer so far.
    pub(super) fn answered_connections(&self) -> usize {
        self.answered.iter().filter(|it| **it).count()
    }

    /// A message was answered that was meant to be sent then.
    pub(super) fn answered(&mut self, number: usize, intended: Instant, now: Instant) {
        self.outcome.all_messages += 1;
        if self.counts(now) {
            self.answered[number] = true;
            record(&mut self.outcome.message_latency, now - intended);
        }
    }

    /// A connection came to its end that was opened then.
    pub(super) fn ended(&mut self, opened: Instant, now: Instant) {
        self.outcome.all_connections += 1;
        if self.counts(now) {
            record(&mut self.outcome.connection_latency, now - opened);
        }
    }

    /// A connection failed. What is in flight at the end was counted as that; a wrong echo is wrong
    /// at any time.
    pub(super) fn failed(&mut self, failure: &Failure, now: Instant) {
        if failure.kind() == FailureKind::WrongEcho || self.begin <= now && !self.closed {
            self.outcome.failures.add(failure);
        } else if !self.closed {
            self.outcome.warm_up_failures += 1;
        }
    }

    pub(super) fn finish(mut self) -> Result<Outcome, LoadError> {
        if !self.closed {
            self.close()?;
        }
        let end = self.end.unwrap_or_else(Instant::now);
        self.outcome.elapsed = end.saturating_duration_since(self.begin);
        self.outcome.answered_connections = self.answered_connections();
        Ok(self.outcome)
    }
}

fn cpu() -> Result<CpuTime, LoadError> {
    CpuTime::of_this_process().map_err(LoadError::Wait)
}

fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    histogram.saturating_record(nanoseconds);
}
