//! `lab check`.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ::check::{Rubric, SETTLED, Subject, TIME_LIMIT, Target, Verdict, check, markdown, total};
use anyhow::{Context, ensure};
use clap::builder::RangedU64ValueParser;
use client::conversation;
use client::output_file::OutputFile;
use lab::results::terminal;
use nix::unistd::Pid;
use protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_MESSAGE, Framing};
use serde_json::json;
use server_core::{
    framing_parser, parse_address, parse_positive_duration, raise_open_file_limit,
    unless_read_enough,
};
use server_process::StartCommand;

use super::interrupt;

mod junit;
mod text;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The address of a server that runs
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_address)]
    addr: SocketAddr,

    /// The server's process ID (the parent, if it has children): some cases have to look into the process
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,

    /// Instead of an address: a command that starts the server; `{port}` in it becomes the port, as
    /// in "python3 server.py {port}"
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["addr", "pid"],
        value_parser = |text: &str| text.parse::<StartCommand>())]
    start: Option<StartCommand>,

    /// How long the server of --start may take until it accepts connections
    #[arg(long, value_name = "DURATION", default_value = "10s",
        value_parser = parse_positive_duration)]
    start_timeout: Duration,

    /// How messages are told apart: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = framing_parser())]
    framing: Framing,

    /// Run only this group, or the cases whose name contains this text; may be given several times.
    /// The group `slow` runs only if it is named, and takes three times the --message-timeout
    #[arg(long, value_name = "GROUP|CASE")]
    only: Vec<String>,

    /// Take the points of each case from this file; cases that it does not name are left out
    #[arg(long, value_name = "FILE", conflicts_with = "framing")]
    rubric: Option<PathBuf>,

    /// Print the usual points in the format of such a file, as a starting point
    #[arg(long)]
    print_rubric: bool,

    /// List all cases with their rules
    #[arg(long, conflicts_with_all = ["only", "rubric"])]
    list: bool,

    /// With --list: as a table in Markdown
    #[arg(long, requires = "list")]
    markdown: bool,

    /// The longest message that the server takes, its line feed not counted
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE,
        value_parser = RangedU64ValueParser::<usize>::new().range(100..=1 << 26))]
    max_message: usize,

    /// How long a message may take, from its first byte to its last
    #[arg(long, value_name = "DURATION", default_value = "30s",
        value_parser = parse_positive_duration)]
    message_timeout: Duration,

    /// With --start: start this many servers, and ask each one case at a time
    #[arg(long, value_name = "N", default_value_t = 1, requires = "start",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=16))]
    jobs: usize,

    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s",
        value_parser = parse_positive_duration)]
    timeout: Duration,

    /// How long all cases together may take; cases that have not run by then get no points [default: 3m, or what the
    /// rubric says]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    time_limit: Option<Duration>,

    /// Write all verdicts to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write all verdicts to this file, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.list {
        return print(&match options.markdown {
            true => markdown(),
            false => text::list(terminal::width()),
        });
    }
    let rubric = rubric(options)?;
    if options.print_rubric {
        return print(&rubric.text());
    }
    let files = [&options.json, &options.junit].map(|it| it.as_deref().map(OutputFile::create));
    let [json, junit] = files.map(Option::transpose);
    let (json, junit) = (json?, junit?);
    interrupt::watch()?;
    raise_open_file_limit();
    let subjects = Subject::several(&target(options), options.jobs)?;
    for subject in &subjects {
        drop(conversation::connect(subject.address(), options.timeout)?);
    }
    let limit = options.time_limit.or(rubric.time_limit).unwrap_or(TIME_LIMIT);
    let verdicts = check(subjects, &rubric.cases, Instant::now() + limit, |verdict| {
        // Whoever has read enough still gets the status.
        let _ = print(&text::render(verdict, terminal::width()));
    });
    json.map_or(Ok(()), |file| file.write(&record(&verdicts)?))?;
    junit.map_or(Ok(()), |file| file.write(&junit::document(&verdicts)))?;
    let total = total(&verdicts);
    ensure!(!verdicts.iter().any(Verdict::failed), total);
    print(&(total + "\n"))
}

fn rubric(options: &Options) -> anyhow::Result<Rubric> {
    let rubric = match &options.rubric {
        None => Rubric::usual(options.framing),
        Some(file) => {
            let name = file.display();
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
            Rubric::parse(&text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?
        }
    };
    match options.only.as_slice() {
        [] => Ok(rubric),
        words => rubric.only(words).map_err(anyhow::Error::msg),
    }
}

fn target(options: &Options) -> Target {
    let Options { addr, max_message, message_timeout, timeout, .. } = *options;
    let (process, start) = (options.pid.map(Pid::from_raw), options.start.clone());
    let start = start.map(|it| it.within(options.start_timeout));
    let (patience, settled) = (timeout, SETTLED);
    Target { address: addr, max_message, message_timeout, patience, settled, process, start }
}

fn record(verdicts: &[Verdict]) -> anyhow::Result<String> {
    let sum = |of: fn(&Verdict) -> u32| verdicts.iter().map(of).sum::<u32>();
    let all = json!({ "points": sum(|it| it.points), "of": sum(|it| it.of), "cases": verdicts });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn print(text: &str) -> anyhow::Result<()> {
    unless_read_enough(io::stdout().lock().write_all(text.as_bytes())).context("cannot print")
}
