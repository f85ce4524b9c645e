//! Servers that loads are put on: ours, and others beside them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use client::load::Load;
use nix::unistd::Pid;
use server_core::Ending;
use server_process::ServerProcess;
use server_process::family::{cpu_time, forgets_children};

use super::Lab;
use crate::models::Contestant;
use crate::servers::foreign::{self, Foreign};

/// A server that a load can be put on.
#[derive(Debug)]
pub struct Running {
    own: Option<ServerProcess>,
    address: SocketAddr,
    process: Option<Pid>,
    farewell: Option<Ending>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, the parent of its children, where it is known.
    pub fn process(&self) -> Option<Pid> {
        self.process
    }

    /// How its clients leave; not told of our own servers, which know `Bye`.
    pub fn farewell(&self) -> Ending {
        self.farewell.unwrap_or(Ending::Bye)
    }

    /// A load as this server understands it: its clients leave as it knows.
    pub(super) fn fitted(&self, load: Load) -> Load {
        Load { farewell: self.farewell.unwrap_or(load.farewell), ..load }
    }

    /// Whether it is a child of this process, whose account it then is on.
    pub(super) fn is_child(&self) -> bool {
        self.own.is_some()
    }

    /// Whether the CPU time of its children is on no account, once they have ended. Our own servers wait for
    /// theirs.
    pub(super) fn forgets_children(&self) -> bool {
        let process = self.process.filter(|_| self.farewell.is_some());
        process.is_some_and(|process| forgets_children(process).unwrap_or(false))
    }

    /// CPU time that it has used so far, where only its process can tell.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        self.process.filter(|_| self.own.is_none()).and_then(|process| cpu_time(process).ok())
    }
}

/// A server that was started.
fn of_ours(server: ServerProcess) -> (Option<ServerProcess>, SocketAddr, Option<Pid>) {
    let (address, process) = (server.address(), server.process());
    (Some(server), address, Some(process))
}

impl Lab {
    /// Starts a server, or goes to the one that runs, and blocks until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or is not an echo server.
    pub fn open(&self, contestant: &Contestant) -> anyhow::Result<Running> {
        let named = || contestant.name.clone();
        let (own, address, process) = match &contestant.foreign {
            Some(Foreign::At(address, process)) => (None, *address, *process),
            Some(Foreign::Start(command)) => of_ours(command.start().with_context(named)?),
            None => of_ours(self.start(contestant)?),
        };
        let farewell = contestant.foreign.is_some().then(|| foreign::farewell(address));
        let farewell = farewell.transpose().with_context(named)?;
        Ok(Running { own, address, process, farewell })
    }

    /// Stops a server that was started, and leaves one that ran. Blocks until it has ended.
    ///
    /// # Errors
    ///
    /// When it does not end, or not well.
    pub fn close(&self, contestant: &Contestant, running: Running) -> anyhow::Result<()> {
        match running.own {
            Some(server) if contestant.foreign.is_some() => Ok(server.end()?),
            Some(server) => self.stop(contestant, server),
            None => Ok(()),
        }
    }
}
