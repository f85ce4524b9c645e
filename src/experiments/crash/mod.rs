//! The lesson on ends: a server dies under its clients in each way there is. Who notices what, and
//! when? And which other clients of the same server go with it?
//!
//! The first question is the client's: one that watches its server is told at once, one that waits
//! for the keyboard learns of it when it next writes and reads. The second is the model's: how far
//! a failure reaches is its isolation.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::Experiment;
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::results::section::Section;
use crate::results::{self, Place, Row};

mod scene;
mod table;

pub use scene::{Death, Noticed};

/// The experiment.
pub struct Crash;

/// It is told nothing of its own.
#[derive(clap::Args)]
pub struct Options {}

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

impl Experiment for Crash {
    const NAME: &'static str = "crash";
    const TITLE: &'static str = "When a handler or its process dies";
    const ABOUT: &'static str =
        "Crashes servers under their clients: who notices it and when, and who else is cut off";
    const QUICK: &'static str = "the user types after 100 ms instead of 300";
    type Options = Options;
    type Figures = Vec<Observation>;

    fn connections(_: &Lab, _: &Options) -> usize {
        scene::CLIENTS
    }

    fn seconds(lab: &Lab, _: &Options) -> f64 {
        let deaths = lab.contestants.len() * Death::ALL.len();
        deaths as f64 * typed_after(lab.quick).as_secs_f64()
    }

    fn measure(lab: &Lab, _: &Options) -> anyhow::Result<Vec<Observation>> {
        let typed_after = typed_after(lab.quick);
        let progress = lab.progress(lab.contestants.len() * Death::ALL.len());
        let mut observations = Vec::new();
        for contestant in &lab.contestants {
            for death in Death::ALL.into_iter().filter(|it| it.can_befall(contestant)) {
                let name = format!("{}: {death}", contestant.name);
                progress.step(name.clone());
                observations.push(observe(lab, contestant, death, typed_after).context(name)?);
            }
        }
        Ok(observations)
    }

    fn rows(observations: &Vec<Observation>) -> Vec<Row> {
        let mut rows = Vec::new();
        for seen in observations {
            let place = Place::of(&seen.model).with("death", seen.death.to_string().as_str());
            for (client, noticed) in [("watching", &seen.watching), ("blocking", &seen.blocking)] {
                let place = place.clone().with("client", client);
                let after = noticed.after_milliseconds;
                results::add_one(&mut rows, &place, "noticed after", "ms", after);
                let by_write = f64::from(u8::from(noticed.by_write));
                results::add_one(&mut rows, &place, "noticed by write", "", by_write);
            }
            for (figure, value) in [
                ("other clients", seen.others as f64),
                ("other clients cut off", seen.cut as f64),
                ("new clients served", f64::from(u8::from(seen.serves_new_clients))),
            ] {
                results::add_one(&mut rows, &place, figure, "", value);
            }
        }
        rows
    }

    fn facts(observations: &Vec<Observation>) -> serde_json::Result<Map<String, Value>> {
        let words = |seen: &Observation| {
            json!({
                "server": seen.model,
                "death": seen.death.to_string(),
                "watching": seen.watching.what,
                "blocking": seen.blocking.what,
            })
        };
        let all: Value = observations.iter().map(words).collect();
        Ok([("noticed".to_owned(), all)].into_iter().collect())
    }

    fn show(observations: &Vec<Observation>) -> Section {
        Section {
            sentences: table::sentences(observations),
            tables: vec![table::table(observations)],
            method: "Each death was played twice.".to_owned(),
            ..Section::default()
        }
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
