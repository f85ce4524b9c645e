//! The lab's commands: what each is told, and what becomes of what it finds.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use client::output_file::OutputFile;
use lab::experiments::{EXPERIMENTS, Entry};
use lab::kernel::machine::{IS_OPTIMISED, Machine, NOT_OPTIMISED, listen_overflows};
use lab::measure::criterion;
use lab::measure::lab::{Failure, Lab};
use lab::models::{self, Contestant};
use lab::results::{Results, Row, SCHEMA, csv};
use lab::results::{plot, terminal};
use nix::sys::resource::{Resource, setrlimit};
use serde_json::{Map, Value};
use server_core::unless_read_enough;

mod check;
mod diff;
mod doctor;
mod identify;
mod interrupt;
mod others;
mod party;
mod report;

use others::Others;

/// What every experiment is told.
#[derive(Args)]
struct Common {
    /// Use only these models; a name with -bare, such as fork-bare, is that model's bare server
    #[arg(long, value_name = "A,B", value_delimiter = ',', hide_possible_values = true,
        default_value = models::names().join(","), value_parser = models::names_with_bare())]
    models: Vec<String>,

    /// Finish sooner, with less exact figures
    #[arg(long)]
    quick: bool,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write all figures to this file, as comma-separated values: a line for each round
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
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
    /// Prints the last results of `cargo bench` for connections, alone and among many, side by side
    BenchTable,
    /// The clients of a siege, which come to nobody but the server that their lab has started
    #[command(hide = true)]
    Party(party::Options),
}

/// The whole command line: every experiment by its name, and the first of them without.
pub(crate) fn command() -> Command {
    let usual = &EXPERIMENTS[0];
    let experiments = EXPERIMENTS.iter().map(|it| command_of(it, it.name).about(it.about));
    let command = command_of(usual, "lab")
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .subcommands(experiments);
    Other::augment_subcommands(command)
        .about(ABOUT)
        .subcommand_required(false)
        .arg_required_else_help(false)
}

/// What an experiment is told: its own options, then those of all.
fn command_of(experiment: &Entry, name: &'static str) -> Command {
    let quick = format!("Finish sooner, with less exact figures: {}", experiment.quick);
    let command = Common::augment_args(experiment.augment(Command::new(name)));
    let command = match experiment.takes_foreign {
        true => Others::augment_args(command),
        false => command,
    };
    command.mut_arg("quick", |arg| arg.help(quick)).long_about(None)
}

const ABOUT: &str = "Compares the concurrency models of the echo service: starts each server in \
    its own process, puts the same load on each in interleaved rounds, and prints one table";

/// Does what the command line says.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (name, own) = matches.subcommand().unwrap_or((EXPERIMENTS[0].name, matches));
    if let Some(experiment) = EXPERIMENTS.iter().find(|it| it.name == name) {
        conduct(experiment, own)?;
        return Ok(ExitCode::SUCCESS);
    }
    match Other::from_arg_matches(matches)? {
        Other::Report { common, options } => report::run(&common, &options)?,
        Other::Check(options) => check::run(&options)?,
        Other::Identify(options) => identify::run(&options)?,
        Other::Diff(options) => diff::run(&options)?,
        Other::Doctor(options) => return doctor::run(&options),
        Other::BenchTable => bench_table()?,
        Other::Party(options) => return party::run(&options),
    }
    Ok(ExitCode::SUCCESS)
}

/// Conducts an experiment, writes its figures, and prints what it shows.
fn conduct(experiment: &Entry, matches: &ArgMatches) -> anyhow::Result<()> {
    let common = Common::from_arg_matches(matches)?;
    let others = match experiment.takes_foreign {
        true => Others::from_arg_matches(matches)?.contestants()?,
        false => Vec::new(),
    };
    let session = Session::begin(&common, others)?;
    let svg = experiment.svg(matches)?.as_deref().map(OutputFile::create).transpose()?;
    announce(experiment.name, experiment.prepare(&session.lab, matches)?);
    let finding = experiment.conduct(&session.lab, matches)?;
    if let (Some(file), Some(picture)) = (svg, finding.section.pictures.first()) {
        file.write(&plot::standalone(&picture.svg))?;
    }
    let facts = session.facts();
    session.write(experiment.name, finding.facts, finding.rows)?;
    let text = terminal::render(&finding.section, &facts, terminal::width());
    print_measured(&text)
}

/// Says how long something will take, before it does, where somebody waits at a terminal.
fn announce(what: &str, duration: Duration) {
    if !io::stderr().is_terminal() {
        return;
    }
    let seconds = Duration::from_secs(duration.as_secs_f64().round() as u64);
    eprintln!("{what}: about {}", humantime::format_duration(seconds));
}

/// A run of the lab: what it works with, and what it is to leave.
struct Session {
    lab: Lab,
    machine: Machine,
    /// Which models are left out, and why.
    left_out: Vec<String>,
    json: Option<OutputFile>,
    csv: Option<OutputFile>,
    overflows_before: u64,
}

impl Session {
    fn begin(common: &Common, others: Vec<Contestant>) -> anyhow::Result<Self> {
        let Common { models, quick, json, csv } = common;
        let contestants = models::choose(models).map_err(anyhow::Error::msg)?;
        ensure!(!contestants.is_empty(), "--models names no model");
        let (contestants, left_out) = models::without_obstacles(contestants);
        ensure!(!contestants.is_empty(), left_out.join(" "));
        let contestants = contestants.into_iter().chain(others).collect();
        let program = std::env::current_exe().context("cannot find this program")?;
        // Before the work, so that a mistake in a name does not cost all of it.
        let json = json.as_deref().map(OutputFile::create).transpose()?;
        let csv = csv.as_deref().map(OutputFile::create).transpose()?;
        interrupt::watch()?;
        // Those who abort shall not leave their memory in the current directory.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        let lab = Lab { contestants, quick: *quick, ..Lab::new(program) };
        let (machine, overflows_before) = (Machine::here(), listen_overflows());
        Ok(Session { lab, machine, left_out, json, csv, overflows_before })
    }

    /// How many connections have overflowed a backlog since the start: each came a second late.
    fn overflows(&self) -> u64 {
        listen_overflows().saturating_sub(self.overflows_before)
    }

    /// What to know of the run beside its figures: who is not in it, the machine, and a warning if it is
    /// due.
    fn facts(&self) -> Vec<String> {
        let (machine, warning) = (format!("{}.", self.machine), self.warning());
        let failures = self.lab.failures();
        let failures = failures.iter().map(|Failure { name, what, reason }| {
            format!("{name} was not measured to the end with {what}: {reason}.")
        });
        let stood_still = Duration::from_millis(self.lab.stood_still.load(Ordering::Relaxed));
        let stood_still = (!stood_still.is_zero()).then(|| {
            format!("The load stood still for {stood_still:.1?} in all, which is in no figure.")
        });
        let facts = self.left_out.iter().cloned().chain(failures).chain([machine]);
        facts.chain(stood_still).chain(warning).collect()
    }

    fn warning(&self) -> Option<String> {
        let count = self.overflows();
        (count > 0).then(|| {
            format!(
                "{count} connections overflowed a backlog and came a second later: the rates are \
                 not to be trusted."
            )
        })
    }

    /// Writes the figures to the files that `--json` and `--csv` name, the first with what they are figures of.
    fn write(
        self,
        experiment: &str,
        mut facts: Map<String, Value>,
        rows: Vec<Row>,
    ) -> anyhow::Result<()> {
        let overflows = self.overflows();
        let wrote = self.csv.map_or(Ok(()), |file| file.write(&csv(experiment, &rows)));
        let Some(file) = self.json else { return wrote };
        let words = std::env::args_os().skip(1);
        let command: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
        for (name, value) in [
            ("arguments", command.into()),
            ("quick", self.lab.quick.into()),
            ("client_standstill_milliseconds", self.lab.stood_still.load(Ordering::Relaxed).into()),
            ("machine", serde_json::to_value(&self.machine)?),
            ("failures", serde_json::to_value(&*self.lab.failures())?),
            ("listen_overflows", overflows.into()),
        ] {
            facts.insert(name.to_owned(), value);
        }
        let (schema, experiment) = (SCHEMA, experiment.to_owned());
        let results = Results { schema, experiment, facts, rows };
        file.write(&(serde_json::to_string_pretty(&results)? + "\n"))?;
        wrote
    }
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
