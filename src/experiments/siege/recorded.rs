//! A siege, recorded: as many slow clients as there are workers, and then ordinary ones, without and with the defence.

use std::time::Duration;

use crate::experiments::scene::{Part, record_each};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::Recording;

/// How many clients there are of each kind, and workers.
const EACH: usize = 4;

/// How often a slow client sends a byte, and for how long it goes on if it may.
const EVERY: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(900);

/// When the ordinary clients come, and how long the server works on each message.
const LATER: Duration = Duration::from_millis(100);
const WORK: Duration = Duration::from_millis(50);

/// How long a message may take: without the defence, and with it.
const TIMEOUTS: [&str; 2] = ["1h", "300ms"];

/// Both under each contestant that keeps a log: a scene of this size, whatever was besieged.
pub(super) fn record(experiment: &str, lab: &Lab) -> anyhow::Result<Recording> {
    record_each(experiment, lab, WORK, &TIMEOUTS, |contestant: Contestant, timeout| {
        let name = format!("{} --message-timeout {timeout}", contestant.name);
        let contestant = contestant.with_workers(EACH).with("--message-timeout", timeout);
        (name, contestant.with("--drain-timeout", "100ms"), parts())
    })
}

fn parts() -> Vec<Part> {
    let slow = Part::Drips { every: EVERY, longest: LONGEST };
    let messages = vec!["first".to_owned(), "second".to_owned()];
    let ordinary = Part::Talks { after: LATER, messages, pause: Duration::ZERO };
    [vec![slow; EACH], vec![ordinary; EACH]].concat()
}
