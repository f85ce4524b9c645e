//! Servers that are not ours, at the command line of an experiment.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use lab::models::{self, Contestant};
use lab::servers::foreign::Foreign;
use nix::unistd::Pid;
use server_core::{parse_address, parse_positive_duration};
use server_process::{StartCommand, sockets};

/// Servers that are not ours, beside the models.
#[derive(Args, Default)]
pub(super) struct Others {
    /// Add a server that already runs on this machine; may be given several times
    #[arg(long, value_name = "NAME=HOST:PORT", value_parser = parse_server)]
    server: Vec<(String, SocketAddr)>,

    /// Add a server that this command starts; `{port}` in it becomes the port, and
    /// `{delay}` the seconds that it is to wait before each answer; may be given several times
    #[arg(long, value_name = "NAME=COMMAND", value_parser = parse_start)]
    start: Vec<(String, StartCommand)>,

    /// How long the server of a --start may take until it accepts connections
    #[arg(long, value_name = "DURATION", default_value = "10s",
        value_parser = parse_positive_duration)]
    start_timeout: Duration,

    /// The process ID of a --server, so that its CPU time and memory can be measured
    #[arg(long, value_name = "NAME=PID", value_parser = parse_pid)]
    pid: Vec<(String, i32)>,
}

impl Others {
    /// Those that take part.
    ///
    /// # Errors
    ///
    /// One line, when a name stands there twice, or a process is not that of its server.
    pub(super) fn contestants(&self) -> anyhow::Result<Vec<Contestant>> {
        for (name, process) in &self.pid {
            let server = self.server.iter().find(|(its, _)| its == name);
            let Some((_, address)) = server else {
                bail!("--pid {name}: no --server has this name")
            };
            sockets::require_listener(Pid::from_raw(*process), *address)?;
        }
        let process = |name: &str| {
            let named = self.pid.iter().find(|(its, _)| its == name);
            named.map(|(_, process)| Pid::from_raw(*process))
        };
        let mut all: Vec<Contestant> = Vec::new();
        let there = self.server.iter();
        let there = there.map(|(name, address)| (name, Foreign::At(*address, process(name))));
        let start = |it: &StartCommand| Foreign::Start(it.clone().within(self.start_timeout));
        let started = self.start.iter().map(|(name, it)| (name, start(it)));
        for (number, (name, foreign)) in there.chain(started).enumerate() {
            ensure!(all.iter().all(|it| it.name != *name), "{name:?} is named twice");
            all.push(Contestant::foreign(name.clone(), foreign, number));
        }
        Ok(all)
    }
}

/// What stands before and behind the first `=`.
fn named(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = text.split_once('=').ok_or("expected NAME=..., the name for the tables")?;
    let is_ours =
        models::find(name).is_ok() || models::names_with_bare().contains(&name.to_owned());
    match is_ours {
        _ if name.is_empty() => Err("the name is missing before the =".to_owned()),
        true => Err(format!("{name:?} is one of ours: call it otherwise")),
        false => Ok((name.to_owned(), rest)),
    }
}

fn parse_server(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, address) = named(text)?;
    let address = parse_address(address)?;
    match address.ip().to_canonical().is_loopback() {
        true => Ok((name, address)),
        false => Err("only a server on this machine gets a load".to_owned()),
    }
}

fn parse_start(text: &str) -> Result<(String, StartCommand), String> {
    let (name, command) = named(text)?;
    Ok((name, command.parse()?))
}

fn parse_pid(text: &str) -> Result<(String, i32), String> {
    let (name, process) = named(text)?;
    match process.parse() {
        Ok(process @ 1..) => Ok((name, process)),
        _ => Err("expected a process id behind the =".to_owned()),
    }
}
