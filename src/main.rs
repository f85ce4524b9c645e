//! The lab, as a program.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::{bench_table, models};

mod cli;

use cli::{Run, check, compare, crash, growth, overload, report, scale, timeline};

/// Compares the concurrency models of the echo service: starts each server in its own process,
/// puts the same load on each in interleaved rounds, and prints one table
#[derive(Parser)]
#[command(name = "lab", version)]
struct Cli {
    /// Take these models only
    #[arg(
        long,
        global = true,
        value_name = "A,B",
        value_delimiter = ',',
        default_value = "iterative,fork,thread,pool,async"
    )]
    models: Vec<String>,

    /// Take less time, and accept more noise: under 15 seconds for the comparison
    #[arg(long, global = true)]
    quick: bool,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// What each model does as its clients grow in number
    Scale(scale::Command),
    /// What idle connections hold in memory as they grow in number
    Memory(growth::Command),
    /// Who waits for whom: clients drawn as bars of waiting and being served
    Timeline(timeline::Command),
    /// More new clients a second than a model can serve
    Overload(overload::Command),
    /// All of these, as one page with tables and plots
    Report(report::Command),
    /// Lets servers die under their clients: who notices what and when, and who is cut off with them
    Crash,
    /// Holds any server, in any language, against the rules of the protocol, case by case
    Check(check::Command),
    /// Prints what `cargo bench --bench connection` measured last, side by side
    BenchTable,
    /// Runs one server, as its own program does, and ends with whoever started it
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        /// The model's name
        model: String,
        /// What the model's own program would be told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return server_core::usage_error("lab", &error),
    };
    if let Some(Command::Serve { model, arguments }) = &cli.command {
        return match models::find(model) {
            Ok(model) => serve(&model, arguments),
            Err(message) => fail(&anyhow::Error::msg(message)),
        };
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("lab: {error:#}");
    ExitCode::FAILURE
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let new = || Run::new(&cli.models, cli.quick, cli.json.as_deref());
    match &cli.command {
        None => compare::run(new()?),
        Some(Command::Scale(command)) => scale::run(new()?, command),
        Some(Command::Memory(command)) => growth::run(new()?, command),
        Some(Command::Timeline(command)) => timeline::run(new()?, command),
        Some(Command::Overload(command)) => overload::run(new()?, command),
        Some(Command::Report(command)) => report::run(new()?, command),
        Some(Command::Crash) => crash::run(new()?),
        Some(Command::Check(command)) => check::run(new()?, command),
        Some(Command::BenchTable) => {
            print!("{}", bench_table::render(&bench_table::directory()));
            Ok(())
        }
        Some(Command::Serve { .. }) => Ok(()),
    }
}

fn serve(model: &server_core::Model, arguments: &[OsString]) -> ExitCode {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM);
    let program = OsString::from(model.program());
    let (ballast, arguments) = lab::ballast::take(arguments);
    let status = server_core::launch(model, [program].into_iter().chain(arguments));
    drop(ballast);
    status
}
