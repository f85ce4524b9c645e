//! A siege, recorded: as many slow clients as there are workers, and then ordinary ones, without and with the defence.

use std::time::Duration;

use anyhow::Context;

use crate::experiments::files::recording_of;
use crate::experiments::scene::{self, Part};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::{Event, Recorded, Recording};

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

/// Both under each contestant that tells in its log whom it serves: a scene of this size, whatever was besieged.
pub(super) fn record(experiment: &str, lab: &Lab) -> anyhow::Result<Recording> {
    let mut recording = recording_of(experiment, Vec::new());
    for contestant in lab.contestants.iter().filter(|it| it.keeps_a_log()) {
        for timeout in TIMEOUTS {
            let name = format!("{} --message-timeout {timeout}", contestant.name);
            let (server, events) = one(lab, contestant, &name, timeout).context(name.clone())?;
            recording.head.servers.push(server);
            recording.events.extend(events);
        }
    }
    Ok(recording)
}

fn one(
    lab: &Lab,
    contestant: &Contestant,
    name: &str,
    timeout: &str,
) -> anyhow::Result<(Recorded, Vec<Event>)> {
    let contestant = contestant.clone().waiting(WORK).with_workers(EACH);
    let contestant = contestant.with("--message-timeout", timeout).with("--drain-timeout", "100ms");
    let slow = Part::Drips { every: EVERY, longest: LONGEST };
    let messages = vec!["first".to_owned(), "second".to_owned()];
    let ordinary = Part::Talks { after: LATER, messages, pause: Duration::ZERO };
    let parts = [vec![slow; EACH], vec![ordinary; EACH]].concat();
    let played = scene::play(lab, &contestant, &parts)?;
    let (recorded, events) = played.recorded(name, &contestant);
    Ok((Recorded { waits: scene::microseconds(WORK), ..recorded }, events))
}
