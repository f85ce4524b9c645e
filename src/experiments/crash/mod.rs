//! The lesson on ends: a server dies under its clients in each way there is. Who notices what, and
//! when? And which other clients of the same server go with it?
//!
//! The first question is the client's: one that watches its server is told at once, one that waits
//! for the keyboard learns of it when it next writes and reads. The second is the model's: how far
//! a failure reaches is its isolation.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::files::{Files, RECORDING, note};
use super::{Experiment, results_of};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::results::section::Section;
use crate::results::{Figure, Place, Results, figure};

mod recorded;
mod scene;
mod show;

pub use scene::{Death, Noticed};

/// The experiment.
#[derive(clap::Args, Debug, Default)]
pub struct Crash {
    #[command(flatten)]
    files: Files,
}

/// What was seen of one death under one model. The lesson is played twice, with a client of
/// either kind in the place of the victim.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The model's name.
    pub model: String,
    /// How the server's side died.
    pub death: Death,
    /// What the client noticed that watches keyboard and server.
    pub watching: Noticed,
    /// What the client noticed that blocks on one after the other.
    pub blocking: Noticed,
    /// How many other clients there were, over both times.
    pub others: usize,
    /// How many of them were cut off.
    pub cut: usize,
    /// Whether a new client was served afterwards, both times.
    pub serves_new_clients: bool,
}

/// The axes of the experiment: how the server's side died, and which kind of client noticed it.
const DEATH: &str = "death";
const CLIENT: &str = "client";
const WATCHING: &str = "watching";
const BLOCKING: &str = "blocking";

const AFTER: Figure<Noticed> = figure("noticed after", "ms", |it| Some(it.after_milliseconds));
const BY_WRITE: Figure<Noticed> = figure("noticed by write", "", |it| one_or_none(it.by_write));

const OTHERS: Figure<Observation> = figure("other clients", "", |it| Some(it.others as f64));
const CUT: Figure<Observation> = figure("other clients cut off", "", |it| Some(it.cut as f64));
const NEW: Figure<Observation> =
    figure("new clients served", "", |it| one_or_none(it.serves_new_clients));

fn one_or_none(flag: bool) -> Option<f64> {
    Some(f64::from(u8::from(flag)))
}

/// What told the clients of a death, in words: no figure, and kept beside them.
#[derive(Serialize, Deserialize)]
struct Words {
    server: String,
    death: String,
    watching: String,
    blocking: String,
}

/// Under which name these are noted.
const NOTICED: &str = "noticed";

impl Experiment for Crash {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn title(&self) -> &'static str {
        "When a handler or its process dies"
    }

    fn quick() -> &'static str {
        "the user types after 100 ms instead of 300"
    }

    fn connections(&self, _: &Lab) -> usize {
        scene::CLIENTS
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let deaths = lab.contestants.len() * Death::ALL.len();
        deaths as f64 * typed_after(lab.quick).as_secs_f64()
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let files = self.files.create()?;
        let mut results = results_of(self, &lab.contestants);
        let progress = lab.progress(lab.contestants.len() * Death::ALL.len());
        let mut words = Vec::new();
        for contestant in &lab.contestants {
            for death in Death::ALL.into_iter().filter(|it| it.can_befall(contestant)) {
                let name = format!("{}: {death}", contestant.name);
                progress.step(name.clone());
                let seen = observe(lab, contestant, death, typed_after(lab.quick)).context(name)?;
                let place = Place::of(&seen.model).with(DEATH, death.to_string().as_str());
                results.add(&place, &[OTHERS, CUT, NEW], &seen);
                let clients = [(WATCHING, &seen.watching), (BLOCKING, &seen.blocking)];
                for (client, noticed) in clients {
                    let place = place.clone().with(CLIENT, client);
                    results.add(&place, &[AFTER, BY_WRITE], noticed);
                }
                words.push(Words::of(seen));
            }
        }
        results.note(NOTICED, serde_json::to_value(words)?);
        if !lab.quick || self.files.are_asked_for() {
            let recording = recorded::record(self.name(), lab)?;
            files.write(&recording)?;
            note(&mut results, &recording)?;
        }
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        Section {
            sentences: show::sentences(results),
            tables: vec![show::table(results)],
            method: "Each death was played twice.".to_owned(),
            recording: results.noted(RECORDING),
            ..Section::default()
        }
    }
}

impl Words {
    fn of(seen: Observation) -> Self {
        let (watching, blocking) = (seen.watching.what, seen.blocking.what);
        Words { server: seen.model, death: seen.death.to_string(), watching, blocking }
    }
}

/// When the user of the blocking client types the next line, counted from the death.
fn typed_after(quick: bool) -> Duration {
    Duration::from_millis(if quick { 100 } else { 300 })
}

/// Plays one death under one model. The user of the blocking client types the next line
/// `typed_after` a death. Blocks a little longer than that.
///
/// # Errors
///
/// When a scene cannot be set up, or somebody in it waits for what does not come.
pub fn observe(
    lab: &Lab,
    contestant: &Contestant,
    death: Death,
    typed_after: Duration,
) -> anyhow::Result<Observation> {
    let [watching, blocking] =
        scene::Victim::BOTH.map(|victim| scene::play(lab, contestant, death, victim, typed_after));
    let (watching, blocking) = (watching?, blocking?);
    Ok(Observation {
        model: contestant.name.clone(),
        death,
        watching: watching.noticed,
        blocking: blocking.noticed,
        others: watching.others + blocking.others,
        cut: watching.cut + blocking.cut,
        serves_new_clients: watching.serves_new_clients && blocking.serves_new_clients,
    })
}
