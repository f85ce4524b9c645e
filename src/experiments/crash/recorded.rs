//! Deaths, recorded: four clients talk to a server, and the first sends what kills its handler, or the process that this
//! runs in. Who is left goes on, and a fifth client comes.

use std::time::Duration;

use anyhow::Context;

use super::Death;
use crate::experiments::files::recording_of;
use crate::experiments::scene::{self, Part};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::{Event, Recorded, Recording};

/// How long the server works on each message, and how long a client then takes for the next.
const WORK: Duration = Duration::from_millis(30);
const PAUSE: Duration = Duration::from_millis(30);

/// How many messages a client has that lives.
const MESSAGES: usize = 6;

/// After how many messages the first client sends what kills, and when the last one comes.
const BEFORE: usize = 2;
const LATER: Duration = Duration::from_millis(220);

/// Both deaths that a message can cause, under each contestant that tells in its log whom it serves.
pub(super) fn record(experiment: &str, lab: &Lab) -> anyhow::Result<Recording> {
    let mut recording = recording_of(experiment, Vec::new());
    for contestant in lab.contestants.iter().filter(|it| it.keeps_a_log()) {
        for (death, last) in [(Death::HandlerPanics, "Panic"), (Death::ProcessAborts, "Abort")] {
            let name = format!("{}: {death}", contestant.name);
            let (server, events) = one(lab, contestant, &name, last).context(name.clone())?;
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
    last: &str,
) -> anyhow::Result<(Recorded, Vec<Event>)> {
    let contestant = contestant.clone().waiting(WORK).with_workers(8).with_flag("--allow-crash");
    let words = |count: usize| (1..=count).map(|number| format!("message {number}"));
    let dies = words(BEFORE).chain([last.to_owned()]).collect();
    let others = (0..3).map(|_| (Duration::ZERO, words(MESSAGES).collect()));
    let all =
        [(Duration::ZERO, dies)].into_iter().chain(others).chain([(LATER, words(2).collect())]);
    let parts = all.map(|(after, messages)| Part::Talks { after, messages, pause: PAUSE });
    let played = scene::play(lab, &contestant, &parts.collect::<Vec<_>>())?;
    let (recorded, events) = played.recorded(name, &contestant);
    Ok((Recorded { waits: scene::microseconds(WORK), ..recorded }, events))
}
