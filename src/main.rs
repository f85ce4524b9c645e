//! The lab, as a program.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

mod commands;

use commands::CommandLine;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Before the lab's own command line takes memory: a server that forks copies its tables for each client.
    if let [_, command, model, options @ ..] = arguments.as_slice()
        && command == "serve"
    {
        return serve(model, options);
    }
    let matches = match server_core::parse(CommandLine::command(), arguments) {
        Ok(matches) => matches,
        Err(status) => return status,
    };
    let line = CommandLine::from_arg_matches(&matches).map_err(anyhow::Error::from);
    line.and_then(|line| commands::run(&line)).unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        ExitCode::FAILURE
    })
}

/// `lab serve MODEL [OPTION ...]`: how the lab starts its servers. Runs one to its end, and ends with the process
/// that started it.
fn serve(model: &OsString, options: &[OsString]) -> ExitCode {
    lab::serve::serve(&model.to_string_lossy(), options).unwrap_or_else(|error| {
        eprintln!("lab: {error}");
        ExitCode::FAILURE
    })
}
