//! Deaths, recorded: four clients talk to a server, and the first sends what kills its handler, or the process that this
//! runs in. The others go on if they can, and a fifth client comes.

use std::time::Duration;

use super::Death;
use crate::experiments::scene::{Part, record_each};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::Recording;

/// How long the server works on each message, and how long a client then takes for the next.
const WORK: Duration = Duration::from_millis(30);
const PAUSE: Duration = Duration::from_millis(30);

/// How many messages a client has that lives.
const MESSAGES: usize = 6;

/// After how many messages the first client sends what kills, and when the last one comes.
const BEFORE: usize = 2;
const LATER: Duration = Duration::from_millis(220);

/// The deaths that a message can cause, and that message.
const DEATHS: [(Death, &str); 2] =
    [(Death::HandlerPanics, "Panic"), (Death::ProcessAborts, "Abort")];

/// Both deaths under each contestant that keeps a log.
pub(super) fn record(experiment: &str, lab: &Lab) -> anyhow::Result<Recording> {
    record_each(experiment, lab, WORK, &DEATHS, |contestant: Contestant, (death, message)| {
        let name = format!("{}: {death}", contestant.name);
        (name, contestant.with_workers(8).with_flag("--allow-crash"), parts(message))
    })
}

fn parts(last: &str) -> Vec<Part> {
    let words = |count: usize| (1..=count).map(|number| format!("message {number}"));
    let dies = words(BEFORE).chain([last.to_owned()]).collect();
    let others = (0..3).map(|_| (Duration::ZERO, words(MESSAGES).collect()));
    let all =
        [(Duration::ZERO, dies)].into_iter().chain(others).chain([(LATER, words(2).collect())]);
    all.map(|(after, messages)| Part::Talks { after, messages, pause: PAUSE }).collect()
}
