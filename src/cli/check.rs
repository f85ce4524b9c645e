//! `lab check`.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::builder::RangedU64ValueParser;
use lab::check::{self, Group, Target};
use protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_MESSAGE, Framing};
use server_core::{framing_parser, parse_address, parse_positive_duration};

use super::Run;

#[derive(clap::Args)]
pub(crate) struct Command {
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

pub(crate) fn run(mut run: Run, command: &Command) -> anyhow::Result<()> {
    let Command { addr, max_message, timeout, .. } = *command;
    let target = Target { address: addr, max_message, patience: timeout };
    TcpStream::connect_timeout(&addr, timeout).with_context(|| format!("no server at {addr}"))?;
    let is_chosen = |group: &Group| command.only.iter().any(|name| name == group.name());
    let groups: Vec<Group> = Group::ALL.into_iter().filter(is_chosen).collect();
    let mut output = io::stdout().lock();
    let verdicts = check::check(&target, command.framing, &groups, |verdict| {
        // Whoever has read enough still gets the status.
        let _ = output.write_all(check::render(verdict).as_bytes());
    });
    run.write(&verdicts)?;
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    ensure!(failed == 0, "{failed} of {} cases failed", verdicts.len());
    Ok(())
}
