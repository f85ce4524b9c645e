//! The lab, as a program.

use std::process::ExitCode;

mod commands;

fn main() -> ExitCode {
    let matches = match commands::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return server_core::usage_error("lab", &error),
    };
    commands::run(&matches).unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        ExitCode::FAILURE
    })
}
