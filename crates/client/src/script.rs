//! The tutorial's client: numbered messages one after the other, then `Bye`.

use std::io::{self, Write};
use std::time::Duration;

use protocol::{DEFAULT_ADDRESS, Framing};
use server_core::{Addresses, parse_addresses};

use crate::conversation::{Conversation, NoConnection};
use crate::failure::Failure;

/// What the scripted client says, and to whom.
#[derive(Clone, Debug, clap::Args)]
pub struct Script {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_addresses)]
    pub addr: Addresses,

    /// How messages are told apart: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = server_core::framing_parser())]
    pub framing: Framing,

    /// How many messages to send before `Bye`
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub count: u64,

    /// The message; `{}` stands for its number
    #[arg(long, value_name = "TEMPLATE", default_value = "message {}")]
    pub message: String,

    /// How long to wait for the connection and for each answer
    #[arg(long, value_name = "DURATION", default_value = "30s",
        value_parser = server_core::parse_positive_duration)]
    pub timeout: Duration,
}

/// Why the script stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Before the first message.
    #[error(transparent)]
    NoConnection(#[from] NoConnection),
    /// At a message.
    #[error("message {number} of {count}: {failure}; {}", .failure.hint())]
    Message {
        /// Which message, from 1.
        number: u64,
        /// Of how many.
        count: u64,
        /// What happened to it.
        failure: Failure,
    },
    /// At the end.
    #[error("after {count} answers, at Bye: {failure}; {}", .failure.hint())]
    Bye {
        /// How many messages had been answered.
        count: u64,
        /// What happened instead of the end.
        failure: Failure,
    },
    /// The answers could not be printed.
    #[error("cannot print the answer")]
    Output(#[from] io::Error),
}

/// Has the whole conversation and writes each answer to `output` as a line of its own.
///
/// Blocks, for `--timeout` at most at each step.
///
/// # Errors
///
/// The first thing that goes wrong.
pub fn run(script: &Script, output: &mut dyn Write) -> Result<(), Stopped> {
    let count = script.count;
    let mut conversation = Conversation::open(script.addr.clone(), script.framing, script.timeout)?;
    for number in 1..=count {
        let text = script.message.replace("{}", &number.to_string());
        let answer = conversation.exchange(&text);
        let answer = answer.map_err(|failure| Stopped::Message { number, count, failure })?;
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    conversation.say_bye().map_err(|failure| Stopped::Bye { count, failure })
}
