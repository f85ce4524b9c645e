//! `lab identify`.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use client::conversation::NoConnection;
use client::failure::Failure;
use client::output_file::OutputFile;
use lab::identify::{self, Target};
use lab::results::terminal;
use nix::unistd::Pid;
use protocol::{DEFAULT_ADDRESS, Framing};
use serde_json::json;
use server_core::{framing_parser, parse_address, unless_read_enough};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address, on this machine's loopback
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_address)]
    addr: SocketAddr,

    /// The server's process ID (the parent, if it has children); without it, the process is found by its address
    #[arg(long, conflicts_with = "black_box", value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,

    /// Do not look into the server's processes: only talk to it as clients, and read the kernel's
    /// table of connections
    #[arg(long)]
    black_box: bool,

    /// How its messages are told apart: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = framing_parser())]
    framing: Framing,

    /// How many connections to open at most; if the server serves them all at once, it counts as having no limit
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = RangedU64ValueParser::<usize>::new().range(2..=1000))]
    at_most: usize,

    /// Also kill whatever serves a client, or make it crash with `Panic` and `Abort`, to see who else is cut off
    #[arg(long)]
    allow_harm: bool,

    /// Write verdict and evidence to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Where the evidence begins, behind what it is of.
const COLUMN: usize = 13;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { addr, black_box, framing, at_most, allow_harm, .. } = *options;
    let file = options.json.as_deref().map(OutputFile::create).transpose()?;
    let process = options.pid.map(Pid::from_raw);
    let target = Target { address: addr, framing, process, black_box, at_most, allow_harm };
    server_core::raise_open_file_limit();
    let (verdict, evidence) = identify::identify(&target).map_err(|error| missing(error, addr))?;
    if let Some(file) = file {
        let all = json!({ "address": addr, "verdict": verdict, "evidence": evidence });
        file.write(&(serde_json::to_string_pretty(&all)? + "\n"))?;
    }
    let text: String = identify::lines(&verdict, &evidence)
        .iter()
        .map(|(what, line)| terminal::labelled(what, line, COLUMN, terminal::width()))
        .collect();
    let printed = io::stdout().lock().write_all(text.as_bytes());
    unless_read_enough(printed).context("cannot print the result")
}

/// Where nothing listens at the address: says how to start a server.
fn missing(error: anyhow::Error, server: SocketAddr) -> anyhow::Error {
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => {
            NoConnection { server: server.into(), failure: Failure::Refused }.into()
        }
        _ => error,
    }
}
