//! The client of the echo service, as a program.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use client::script::{self, Script};

/// Talks to an echo server: sends numbered messages one after the other, prints each answer, says
/// `Bye`, and checks that the server then closes the connection
#[derive(Parser)]
#[command(name = "client", version)]
struct Cli {
    #[command(flatten)]
    script: Script,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return server_core::usage_error("client", &error),
    };
    server_core::raise_open_file_limit();
    match script::run(&cli.script, &mut io::stdout()) {
        Ok(()) => {
            eprintln!("the server closed the connection after Bye: every answer was right");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("client: {failure}");
            ExitCode::FAILURE
        }
    }
}
