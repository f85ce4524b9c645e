//! `lab timeline`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use lab::plot;
use lab::timeline::{self, Panel, Plan};
use serde::Serialize;
use server_core::parse_positive_duration;

use super::{Run, create, progress};

#[derive(clap::Args)]
pub(crate) struct Command {
    /// How many clients come at once
    #[arg(long, value_name = "N", default_value_t = 8,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    clients: usize,

    /// How many messages each client sends
    #[arg(long, value_name = "M", default_value_t = 3,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    messages: usize,

    /// How long the server works on each message: 100ms if nothing is said
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    delay: Option<Duration>,

    /// How many workers the pool has
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    workers: usize,

    /// Draw the picture to this file too, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What `--json` writes.
#[derive(Serialize)]
pub(crate) struct Figures {
    pub(crate) plan: Plan,
    pub(crate) panels: Vec<Panel>,
}

pub(crate) fn usual(run: &Run) -> Plan {
    let delay = Duration::from_millis(if run.quick { 40 } else { 100 });
    Plan { clients: 8, messages: 3, delay, workers: 4 }
}

pub(crate) fn play(run: &Run, plan: Plan) -> anyhow::Result<Figures> {
    let (bar, step) = progress(run.models.len());
    let panels = timeline::play(&plan, &run.bench, &run.models, step);
    bar.finish_and_clear();
    Ok(Figures { plan, panels: panels? })
}

pub(crate) fn run(mut run: Run, command: &Command) -> anyhow::Result<()> {
    let Command { clients, messages, delay, workers, .. } = *command;
    let delay = delay.unwrap_or(usual(&run).delay);
    let svg = command.svg.as_deref().map(create).transpose()?;
    let figures = play(&run, Plan { clients, messages, delay, workers })?;
    let Figures { plan, panels } = &figures;
    if let Some(mut file) = svg {
        let picture = plot::standalone(&timeline::draw(plan, panels));
        file.write_all(picture.as_bytes()).context("cannot write the picture")?;
    }
    run.write(&figures)?;
    let conclusion = timeline::conclusion(plan, panels);
    run.print(&timeline::render(plan, panels), &conclusion, "Played once.")
}
