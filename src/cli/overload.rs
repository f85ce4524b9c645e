//! `lab overload`.

use std::time::Duration;

use lab::overload::{self, Curve, RATES};
use server_core::parse_positive_duration;

use super::{Run, progress};

#[derive(clap::Args)]
pub(crate) struct Command {
    /// How many new clients a second, from few to many
    #[arg(long, value_name = "R,R", value_delimiter = ',', value_parser = parse_rate)]
    rates: Vec<f64>,

    /// How long each rate lasts: two seconds if nothing is said
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    duration: Option<Duration>,
}

impl Command {
    pub(crate) fn usual() -> Self {
        Command { rates: Vec::new(), duration: None }
    }
}

pub(crate) fn measure(run: &Run, command: &Command) -> anyhow::Result<Vec<Curve>> {
    let rates = match (command.rates.as_slice(), run.quick) {
        ([], false) => RATES.to_vec(),
        ([], true) => vec![25.0, 1000.0],
        (rates, _) => rates.to_vec(),
    };
    // Longer than anybody's patience, also in a hurry.
    let usual = Duration::from_millis(if run.quick { 1500 } else { 2000 });
    let duration = command.duration.unwrap_or(usual);
    let variants = overload::variants(&run.models);
    let (bar, step) = progress(variants.len() * rates.len());
    let curves = overload::measure(&run.bench, &variants, &rates, duration, step);
    bar.finish_and_clear();
    curves
}

pub(crate) fn run(mut run: Run, command: &Command) -> anyhow::Result<()> {
    let curves = measure(&run, command)?;
    run.write(&curves)?;
    run.print(&overload::render(&curves), &overload::conclusion(&curves), &method())
}

pub(crate) fn method() -> String {
    let (work, patience) = (overload::WORK, overload::PATIENCE);
    format!(
        "Open loop: each client connects when it is due, sends one message, which takes the server \
         {} of waiting, and gives up after {}. Latency counts from when it was due, for those who \
         were answered. Waiting are those for whom the time was up first; failed are resets, and \
         clients beyond {} at a time. Measured once.",
        humantime::format_duration(work),
        humantime::format_duration(patience),
        overload::MOST_CLIENTS
    )
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1.0..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected clients per second, from 1 to 100000".to_owned()),
    }
}
