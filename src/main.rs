//! The lab, as a program.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use lab::check::{self, Group, Target};
use lab::comparison::{self, Plan};
use lab::crash::{self, Death};
use lab::machine::{Machine, listen_overflows};
use lab::results::Results;
use lab::{bench_table, conclusion, models, table};
use nix::sys::resource::{Resource, setrlimit};
use protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_MESSAGE, Framing};
use serde::Serialize;
use server_core::{Model, framing_parser, parse_address, parse_positive_duration};

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

    /// Write all figures of all rounds to this file, as JSON
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Holds any server, in any language, against the rules of the protocol, case by case
    Check(CheckCommand),
    /// Lets servers die under their clients: who notices what and when, and who is cut off with them
    Crash,
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

#[derive(clap::Args)]
struct CheckCommand {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_address)]
    addr: SocketAddr,

    /// The rules of this framing: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = framing_parser())]
    framing: Framing,

    /// Only these groups: `echo` suits any echo server, `bye` needs one that closes at Bye, `error`
    /// one that answers what is not a message with an ERROR line
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', default_value = "echo,bye,error",
        value_parser = ["echo", "bye", "error"])]
    only: Vec<String>,

    /// The longest message that the server takes, its line feed not counted
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE,
        value_parser = RangedU64ValueParser::<usize>::new().range(100..=1 << 30))]
    max_message: usize,

    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s",
        value_parser = parse_positive_duration)]
    timeout: Duration,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return server_core::usage_error("lab", &error),
    };
    let outcome = match &cli.command {
        Some(Subcommands::Serve { model, arguments }) => match models::find(model) {
            Ok(model) => return serve(&model, arguments),
            Err(message) => Err(anyhow::Error::msg(message)),
        },
        Some(Subcommands::Check(command)) => check(&cli, command),
        Some(Subcommands::Crash) => crash(&cli),
        Some(Subcommands::BenchTable) => {
            print!("{}", bench_table::render(&bench_table::directory()));
            Ok(())
        }
        None => compare(&cli),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(model: &server_core::Model, arguments: &[OsString]) -> ExitCode {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM);
    let program = OsString::from(model.program());
    server_core::launch(model, [program].into_iter().chain(arguments.iter().cloned()))
}

fn check(cli: &Cli, command: &CheckCommand) -> anyhow::Result<()> {
    let file = json_file(cli)?;
    let CheckCommand { addr, max_message, timeout, .. } = *command;
    let target = Target { address: addr, max_message, patience: timeout };
    TcpStream::connect_timeout(&addr, timeout).with_context(|| format!("no server at {addr}"))?;
    let groups =
        Group::ALL.into_iter().filter(|group| command.only.iter().any(|it| it == group.name()));
    let groups: Vec<Group> = groups.collect();
    let mut output = io::stdout().lock();
    let verdicts = check::check(&target, command.framing, &groups, |verdict| {
        // Whoever has read enough still gets the status.
        let _ = output.write_all(check::render(verdict).as_bytes());
    });
    if let Some(mut file) = file {
        let text = serde_json::to_string_pretty(&verdicts)?;
        writeln!(file, "{text}").context("cannot write the verdicts")?;
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    ensure!(failed == 0, "{failed} of {} cases failed", verdicts.len());
    Ok(())
}

fn crash(cli: &Cli) -> anyhow::Result<()> {
    let (program, models) = (program()?, chosen(cli)?);
    let file = json_file(cli)?;
    // Those who abort shall not leave their memory in the current directory.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let bar = progress_bar(models.len() * Death::ALL.len());
    let typed_after = Duration::from_millis(if cli.quick { 100 } else { 300 });
    let observations = crash::play(&program, &models, typed_after, |scene| {
        bar.set_message(scene.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let observations = observations?;
    if let Some(mut file) = file {
        let text = serde_json::to_string_pretty(&observations)?;
        writeln!(file, "{text}").context("cannot write the figures")?;
    }
    let mut text = crash::render(&observations);
    text +=
        "\ncut: other clients of the server that were cut off; new: are new clients served?\n\n";
    for sentence in crash::conclusion(&observations) {
        text += &(textwrap::fill(&sentence, 80) + "\n");
    }
    io::stdout().lock().write_all(text.as_bytes()).context("cannot print the table")
}

fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program")
}

fn chosen(cli: &Cli) -> anyhow::Result<Vec<Model>> {
    let models = comparison::choose(&cli.models).map_err(anyhow::Error::msg)?;
    ensure!(!models.is_empty(), "--models names no model");
    Ok(models)
}

/// The file for the figures. To be created before the work, lest a mistake in its name cost it.
fn json_file(cli: &Cli) -> anyhow::Result<Option<File>> {
    let create = |name: &PathBuf| {
        File::create(name).with_context(|| format!("cannot write {}", name.display()))
    };
    cli.json.as_ref().map(create).transpose()
}

/// Shows itself where standard error is a terminal.
fn progress_bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn compare(cli: &Cli) -> anyhow::Result<()> {
    server_core::raise_open_file_limit();
    let (program, models) = (program()?, chosen(cli)?);
    let plan = match cli.quick {
        true => Plan::quick(program, &models),
        false => Plan::thorough(program, &models),
    };
    let file = json_file(cli)?;
    let machine = Machine::here();
    let overflows = listen_overflows();
    let results = run(&plan)?;
    let overflows = listen_overflows().saturating_sub(overflows);
    if let Some(file) = file {
        write(file, &plan, &machine, &results, overflows)?;
    }
    print(&plan, &machine, &results, overflows).context("cannot print the table")
}

fn run(plan: &Plan) -> anyhow::Result<Results> {
    let bar = progress_bar(plan.steps());
    let results = plan.run(|step| {
        bar.set_message(step);
        bar.inc(1);
    });
    bar.finish_and_clear();
    results
}

fn print(plan: &Plan, machine: &Machine, results: &Results, overflows: u64) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", table::render(results))?;
    for sentence in conclusion::sentences(results) {
        writeln!(output, "{}", textwrap::fill(&sentence, 80))?;
    }
    let Plan { rounds, memory_rounds, .. } = plan;
    let method = format!(
        "Medians of {rounds} rounds ({memory_rounds} for memory) ± half their range. {machine}."
    );
    writeln!(output, "\n{}", textwrap::fill(&method, 80))?;
    if overflows > 0 {
        let warning = "connections overflowed a backlog and came a second later: the rates are \
                       not to be trusted.";
        writeln!(output, "{}", textwrap::fill(&format!("{overflows} {warning}"), 80))?;
    }
    Ok(())
}

/// What `--json` writes. Units stand in the names of the figures.
#[derive(Serialize)]
struct Record<'a> {
    machine: &'a Machine,
    rounds: usize,
    memory_rounds: usize,
    seconds_per_round: f64,
    many_clients: usize,
    warm_connections: usize,
    idle_connections: usize,
    message_bytes: usize,
    listen_overflows: u64,
    servers: &'a Results,
}

fn write(
    mut file: File,
    plan: &Plan,
    machine: &Machine,
    results: &Results,
    listen_overflows: u64,
) -> anyhow::Result<()> {
    let record = Record {
        machine,
        rounds: plan.rounds,
        memory_rounds: plan.memory_rounds,
        seconds_per_round: plan.duration.as_secs_f64(),
        many_clients: comparison::MANY_CLIENTS,
        warm_connections: comparison::WARM_CONNECTIONS,
        idle_connections: comparison::IDLE_CONNECTIONS,
        message_bytes: lab::floor::MESSAGE_SIZE,
        listen_overflows,
        servers: results,
    };
    let text = serde_json::to_string_pretty(&record)?;
    writeln!(file, "{text}").context("cannot write the figures")
}
