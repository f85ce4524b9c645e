//! `lab crash`.

use std::time::Duration;

use lab::crash::{self, Death, Observation};

use super::{Run, progress};

const LEGEND: &str =
    "\nms: after the death; cut: others that were cut off; new: are new clients served?\n";

pub(crate) fn play(run: &Run) -> anyhow::Result<Vec<Observation>> {
    let typed_after = Duration::from_millis(if run.quick { 100 } else { 300 });
    let (bar, step) = progress(run.models.len() * Death::ALL.len());
    let observations = crash::play(&run.bench.program, &run.models, typed_after, step);
    bar.finish_and_clear();
    observations
}

pub(crate) fn run(mut run: Run) -> anyhow::Result<()> {
    let observations = play(&run)?;
    run.write(&observations)?;
    let table = crash::render(&observations) + LEGEND;
    run.print(&table, &crash::conclusion(&observations), "Each death was played twice.")
}
