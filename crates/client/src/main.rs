//! The client of the echo service, as a program.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use client::chat::ChatCommand;
use client::load_command::LoadCommand;
use client::script::{self, Script, Stopped};
use server_core::unless_read_enough;

/// Talks to an echo server: sends numbered messages one after the other, prints each answer, says
/// `Bye`, and checks that the server then closes the connection
#[derive(Parser)]
#[command(name = "client", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    script: Script,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Sends what you type, prints what comes back, and says at once when the server closes the connection
    Chat(ChatCommand),
    /// Opens many connections to any echo server, and reports rates, latencies and errors
    Load(LoadCommand),
}

fn main() -> ExitCode {
    let matches = match server_core::parse(Cli::command(), std::env::args_os()) {
        Ok(matches) => matches,
        Err(status) => return status,
    };
    let Ok(cli) = Cli::from_arg_matches(&matches) else {
        unreachable!("the matches are of this command line");
    };
    let outcome = match &cli.command {
        None => converse(&cli.script),
        Some(Command::Chat(chat)) => chat.run(),
        Some(Command::Load(load)) => load.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn converse(script: &Script) -> anyhow::Result<()> {
    match script::run(script, &mut io::stdout()) {
        Err(Stopped::Output(error)) => return Ok(unless_read_enough(Err(error))?),
        outcome => outcome?,
    }
    eprintln!("the server closed the connection after Bye: every answer was right");
    Ok(())
}
