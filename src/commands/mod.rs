//! The lab's commands: what each is told, and what becomes of what it finds.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use lab::experiments::Comparison;
use lab::kernel::machine::{IS_OPTIMISED, NOT_OPTIMISED};
use lab::measure::criterion;
use lab::results::terminal;
use server_core::unless_read_enough;

mod check;
mod class;
mod diff;
mod doctor;
mod experiment;
mod identify;
mod interrupt;
mod others;
mod party;
mod report;
mod session;

use experiment::{Common, Experiment, Run, Told};
use session::Session;

const ABOUT: &str = "Compares the concurrency models of the echo service: starts each server in \
    its own process, puts the same load on each in interleaved rounds, and prints one table";

/// The whole command line.
#[derive(clap::Parser)]
#[command(name = "lab", version, about = ABOUT, long_about = None,
    args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// What the lab does if it is told nothing.
    #[command(flatten)]
    usual: Run<Comparison>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What the lab can be told to do.
#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Experiment(Experiment),
    #[command(flatten)]
    Other(Other),
}

/// What is no experiment.
#[derive(Subcommand)]
enum Other {
    /// Runs all experiments, and writes one page with tables and plots
    Report {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: report::Options,
    },
    /// Tests any server, in any language, against the rules of the protocol
    Check(check::Options),
    /// Finds out which concurrency model a server on this machine uses, and shows the evidence
    Identify(identify::Options),
    /// Checks this machine before a class: says what will not work, and how to fix it
    Doctor(doctor::Options),
    /// Compares saved results of one experiment: before and after a change, or of several machines
    Diff(diff::Options),
    /// Puts the files of a whole class side by side: of `check`, of `doctor`, or of one experiment
    Class(class::Options),
    /// Prints the last results of `cargo bench` for connections, alone and among many, side by side
    BenchTable,
    /// The clients of a siege, which come to nobody but the server that their lab has started
    #[command(hide = true)]
    Party(party::Options),
}

/// Does what the command line says.
pub(crate) fn run(line: &CommandLine) -> anyhow::Result<ExitCode> {
    match line.command.as_ref() {
        None => conduct(&line.usual.told())?,
        Some(Command::Experiment(experiment)) => conduct(&experiment.told())?,
        Some(Command::Other(other)) => return do_other(other),
    }
    Ok(ExitCode::SUCCESS)
}

fn do_other(other: &Other) -> anyhow::Result<ExitCode> {
    match other {
        Other::Report { common, options } => report::run(common, options)?,
        Other::Check(options) => check::run(options)?,
        Other::Identify(options) => identify::run(options)?,
        Other::Diff(options) => diff::run(options)?,
        Other::Class(options) => class::run(options)?,
        Other::Doctor(options) => return doctor::run(options),
        Other::BenchTable => bench_table()?,
        Other::Party(options) => return party::run(options),
    }
    Ok(ExitCode::SUCCESS)
}

/// Conducts an experiment, writes its results, and prints what it shows of them.
fn conduct(Told { experiment, common, others }: &Told<'_>) -> anyhow::Result<()> {
    let session = Session::begin(common, others.contestants()?)?;
    announce(experiment.name(), experiment.prepare(&session.lab)?);
    let (results, section) = experiment.conduct(&session.lab)?;
    let facts = session.facts();
    session.write(results, [(experiment.name(), &section)])?;
    print_measured(&terminal::render(&section, &facts, terminal::width()))
}

/// Says how long something will take, before it does, where somebody waits at a terminal.
fn announce(what: &str, duration: Duration) {
    if !io::stderr().is_terminal() {
        return;
    }
    let seconds = Duration::from_secs(duration.as_secs_f64().round() as u64);
    eprintln!("{what}: about {}", humantime::format_duration(seconds));
}

fn bench_table() -> anyhow::Result<()> {
    let groups = [criterion::ALONE, criterion::AMONG_MANY];
    let tables = groups.map(|group| criterion::table(&criterion::directory(), group));
    let tables = tables.iter().flatten().map(|table| terminal::table(table, terminal::width()));
    let tables: Vec<String> = tables.collect();
    match tables.is_empty() {
        true => bail!("there are no figures yet: cargo bench --bench connection"),
        false => print(&tables.join("\n")),
    }
}

/// Prints what a measurement led to, and in a debug build first what that makes of the figures.
fn print_measured(text: &str) -> anyhow::Result<()> {
    match IS_OPTIMISED {
        true => print(text),
        false => print(&format!("{NOT_OPTIMISED}\n\n{text}")),
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let printed = io::stdout().lock().write_all(text.as_bytes());
    unless_read_enough(printed).context("cannot print the result")
}
