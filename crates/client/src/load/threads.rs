//! A load in several threads: each drives a part of the connections, and the results are put together.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::run::{Common, Run};
use super::{Extent, Load, LoadError, Outcome, Pace, Status};

/// Drives a load from as many threads as it asks for: this one, and others beside it.
pub(super) fn run(
    load: &Load,
    mut watch: impl FnMut(Status) -> ControlFlow<()>,
) -> Result<Outcome, LoadError> {
    let (parts, start) = (parts(load), Instant::now());
    let (has_failed, end) = (AtomicBool::new(false), OnceLock::new());
    let others: Mutex<Vec<Option<Status>>> = Mutex::new(vec![None; parts.len()]);
    let drive = |index: usize, watch: &mut dyn FnMut(Status) -> ControlFlow<()>| {
        let (first, part) = &parts[index];
        let first_message = start + turn(load, index);
        let (has_failed, end) = (&has_failed, &end);
        let common = Common { start, first_message, parts: parts.len(), has_failed, end };
        let outcome = Run::start(part, *first, common).and_then(|run| run.drive(watch));
        has_failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
        outcome
    };
    let statuses = || others.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let start_other = |index: usize| {
            let mut note = move |status| {
                statuses()[index] = Some(status);
                ControlFlow::Continue(())
            };
            thread::Builder::new().spawn_scoped(scope, move || drive(index, &mut note))
        };
        let started: Result<Vec<_>, _> = (1..parts.len()).map(start_other).collect();
        let threads = started.map_err(|error| {
            has_failed.store(true, Ordering::Relaxed);
            LoadError::Thread(error)
        })?;
        let here = drive(0, &mut |status| {
            watch(statuses().iter().flatten().fold(status, |sum, one| sum.and(one)))
        });
        let there = threads.into_iter().map(|it| it.join().unwrap_or_else(|it| resume_unwind(it)));
        let outcomes: Vec<_> = [here].into_iter().chain(there).collect();
        let merged = outcomes.into_iter().reduce(|sum, one| Ok(sum?.and(one?)));
        merged.unwrap_or_else(|| unreachable!("there is one part at least"))
    })
}

/// What each thread drives, and the number of its first connection.
fn parts(load: &Load) -> Vec<(usize, Load)> {
    let count = load.threads.min(load.connections).max(1);
    let share = |all: usize, index: usize| all / count + usize::from(index < all % count);
    let mut first = 0;
    let part = |index: usize| {
        let connections = share(load.connections, index);
        let pace = match load.pace {
            Pace::Closed => Pace::Closed,
            Pace::Open { messages_per_second } => {
                let share = connections as f64 / load.connections as f64;
                Pace::Open { messages_per_second: messages_per_second * share }
            }
        };
        let extent = match load.extent {
            Extent::Connections(all) => {
                let (each, rest) = (all / count as u64, all % count as u64);
                Extent::Connections(each + u64::from((index as u64) < rest))
            }
            time => time,
        };
        let number = first;
        first += connections;
        (number, Load { connections, pace, extent, ..load.clone() })
    };
    (0..count).map(part).collect()
}

/// How much later than that of the first thread the first message of this one is due, so that the threads do not
/// all send at the same moments.
fn turn(load: &Load, index: usize) -> Duration {
    match load.pace {
        Pace::Closed => Duration::ZERO,
        Pace::Open { messages_per_second } => {
            Duration::from_secs_f64(index as f64 / messages_per_second)
        }
    }
}

impl Status {
    fn and(self, other: &Status) -> Self {
        Status {
            elapsed: self.elapsed.max(other.elapsed),
            established: self.established + other.established,
            answered_connections: self.answered_connections + other.answered_connections,
            messages: self.messages + other.messages,
            failures: self.failures + other.failures,
        }
    }
}

impl Outcome {
    /// The result of both threads together. They measured the same time and the same process; a standstill of it
    /// was one of both.
    fn and(mut self, other: Outcome) -> Self {
        self.connection_latency += other.connection_latency;
        self.message_latency += other.message_latency;
        self.failures.merge(other.failures);
        Outcome {
            elapsed: self.elapsed.max(other.elapsed),
            answered_connections: self.answered_connections + other.answered_connections,
            all_connections: self.all_connections + other.all_connections,
            all_messages: self.all_messages + other.all_messages,
            in_flight: self.in_flight + other.in_flight,
            unsent: self.unsent + other.unsent,
            lost: self.lost + other.lost,
            due: self.due + other.due,
            warm_up_failures: self.warm_up_failures + other.warm_up_failures,
            threads: self.threads + other.threads,
            standstills: self.standstills.max(other.standstills),
            stood_still: self.stood_still.max(other.stood_still),
            ..self
        }
    }
}
