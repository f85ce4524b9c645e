//! What is played to each server.

use std::time::Duration;

use crate::experiments::scene::{self, Part};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::{Event, Recorded};

/// What is played to each server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How many clients come at once.
    pub(super) clients: usize,
    /// How many messages each has.
    pub(super) messages: usize,
    /// How long the server waits for each.
    pub(super) delay: Duration,
    /// How much CPU time it takes for each instead.
    pub(super) compute: Duration,
    /// How many workers a server has, where they are a fixed number.
    pub(super) workers: usize,
}

impl Plan {
    /// Whether the server computes, and does not wait.
    pub(super) fn computes(&self) -> bool {
        !self.compute.is_zero()
    }

    /// The same for a server that cannot be told to work.
    pub(super) fn without_work(self) -> Self {
        Plan { delay: Duration::ZERO, compute: Duration::ZERO, ..self }
    }
}

/// Plays it to one server, and records what happens. The clients have their numbers in the order in which they were
/// answered first.
pub(super) fn record(
    plan: &Plan,
    lab: &Lab,
    contestant: &Contestant,
) -> anyhow::Result<(Recorded, Vec<Event>)> {
    let compute = humantime::format_duration(plan.compute);
    let contestant = contestant.clone().waiting(plan.delay).with_workers(plan.workers);
    let contestant = contestant.with("--compute", compute);
    let messages = (1..=plan.messages).map(|number| format!("message {number}")).collect();
    let part = Part::Talks { after: Duration::ZERO, messages, pause: Duration::ZERO };
    let mut played = scene::play(lab, &contestant, &vec![part; plan.clients])?;
    if let Some(failure) = played.failure() {
        return Err(failure.into());
    }
    let (recorded, events) = played.in_order_of_answers().recorded(&contestant.name, &contestant);
    let [waits, computes] = [plan.delay, plan.compute].map(scene::microseconds);
    Ok((Recorded { waits, computes, ..recorded }, events))
}
