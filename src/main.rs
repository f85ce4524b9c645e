//! The lab, as a program.

use std::process::ExitCode;

mod commands;

fn main() -> ExitCode {
    let matches = match server_core::parse(commands::command(), std::env::args_os()) {
        Ok(matches) => matches,
        Err(status) => return status,
    };
    commands::run(&matches).unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        ExitCode::FAILURE
    })
}
