//! The lesson on ends: a server dies under its clients in each way there is. Who notices what, and
//! when? And which other clients of the same server go with it?
//!
//! The first question is the client's: one that watches its server is told at once, one that waits
//! for the keyboard learns of it when it next writes and reads. The second is the model's: how far
//! a failure reaches is its isolation.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use server_core::Model;

mod scene;
mod table;

pub use scene::{Death, Noticed, What};
pub use table::{conclusion, render};

/// What was seen of one death under one model. The lesson is played twice, with a client of
/// either kind in the place of the victim.
#[derive(Clone, Debug, Serialize)]
pub struct Observation {
    /// The model's name.
    pub model: &'static str,
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

/// Plays every death under each of the models. `program` is the lab; `watch` is told of each
/// scene before it is played. The user of the blocking client types the next line `typed_after` a
/// death. Blocks a little longer than that for each death.
///
/// # Errors
///
/// When a scene cannot be set up, or somebody in it waits for what does not come.
pub fn play(
    program: &Path,
    models: &[Model],
    typed_after: Duration,
    mut watch: impl FnMut(String),
) -> anyhow::Result<Vec<Observation>> {
    let mut observations = Vec::new();
    for model in models {
        for death in Death::ALL {
            let name = format!("{}: {death}", model.name);
            watch(name.clone());
            observations.push(observe(program, model, death, typed_after).context(name)?);
        }
    }
    Ok(observations)
}

/// Plays one death under one model.
///
/// # Errors
///
/// Those of [`play`].
pub fn observe(
    program: &Path,
    model: &Model,
    death: Death,
    typed_after: Duration,
) -> anyhow::Result<Observation> {
    let [watching, blocking] =
        scene::Victim::BOTH.map(|victim| scene::play(program, model, death, victim, typed_after));
    let (watching, blocking) = (watching?, blocking?);
    Ok(Observation {
        model: model.name,
        death,
        watching: watching.noticed,
        blocking: blocking.noticed,
        others: watching.others + blocking.others,
        cut: watching.cut + blocking.cut,
        serves_new_clients: watching.serves_new_clients && blocking.serves_new_clients,
    })
}
