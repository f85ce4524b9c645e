//! `lab check`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::builder::RangedU64ValueParser;
use client::conversation;
use client::output_file::OutputFile;
use lab::check::{self, Group, Target};
use protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_MESSAGE, Framing};
use server_core::{framing_parser, parse_address, parse_positive_duration};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_address)]
    addr: SocketAddr,

    /// The rules of this framing: `line`, or `raw` as in the Python tutorial
    #[arg(long, default_value = "line", value_parser = framing_parser())]
    framing: Framing,

    /// Only these groups: `echo` suits any echo server, `bye` needs one that closes at Bye, `error`
    /// one that answers what is not a message with an ERROR line, `slow` one that does so when a
    /// message is not whole in time (it takes three times as long as that)
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', default_value = "echo,bye,error",
        value_parser = ["echo", "bye", "error", "slow"])]
    only: Vec<String>,

    /// The longest message that the server takes, its line feed not counted
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE,
        value_parser = RangedU64ValueParser::<usize>::new().range(100..=1 << 30))]
    max_message: usize,

    /// How long after its first byte a message must be whole
    #[arg(long, value_name = "DURATION", default_value = "30s",
        value_parser = parse_positive_duration)]
    message_timeout: Duration,

    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s",
        value_parser = parse_positive_duration)]
    timeout: Duration,

    /// Write all verdicts to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { addr, max_message, message_timeout, timeout, .. } = *options;
    let file = options.json.as_deref().map(OutputFile::create).transpose()?;
    let target = Target { address: addr, max_message, message_timeout, patience: timeout };
    drop(conversation::connect(addr, timeout)?);
    let is_chosen = |group: &Group| options.only.iter().any(|name| name == group.name());
    let groups: Vec<Group> = Group::ALL.into_iter().filter(is_chosen).collect();
    let mut output = io::stdout().lock();
    let verdicts = check::check(&target, options.framing, &groups, |verdict| {
        // Whoever has read enough still gets the status.
        let _ = output.write_all(check::render(verdict).as_bytes());
    });
    if let Some(file) = file {
        file.write(&(serde_json::to_string_pretty(&verdicts)? + "\n"))?;
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    ensure!(failed == 0, "{failed} of {} cases failed", verdicts.len());
    Ok(())
}
