//! A load on a server in a process of its own, and what it cost both.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use client::load::{Load, Outcome};
use nix::sys::resource::{UsageWho, getrusage};
use server_core::{CpuTime, Model};

use crate::server_process::{ServerProcess, serve_command};

/// Where servers are started: each in a process of its own, so that what the kernel charges to
/// that process and its children at its end belongs to one measurement alone.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The lab's own program, which also runs the servers.
    pub program: PathBuf,
    /// Whether the servers' warnings are shown.
    pub warns: bool,
}

/// What a load brought, and what it cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// What came of the load.
    pub outcome: Outcome,
    /// CPU time of the server and its children, from start to end.
    pub server_cpu: Duration,
    /// How often the server's threads and children were switched, from start to end.
    pub context_switches: u64,
    /// CPU time of this process meanwhile.
    pub client_cpu: Duration,
}

impl Bench {
    /// Starts a server without its log, and blocks until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self, model: &Model, arguments: &[&str]) -> anyhow::Result<ServerProcess> {
        let arguments = [&["--quiet"], arguments].concat();
        let mut command = serve_command(&self.program, model.name, &arguments);
        if !self.warns {
            command.stderr(Stdio::null());
        }
        Ok(ServerProcess::start(command)?)
    }

    /// Puts a load on a new server, and stops it. Blocks until then.
    ///
    /// # Errors
    ///
    /// When the server or the load fails.
    pub fn put(
        &self,
        model: &Model,
        arguments: &[&str],
        load: impl FnOnce(SocketAddr) -> Load,
    ) -> anyhow::Result<Cost> {
        let server = self.start(model, arguments)?;
        let load = load(server.address());
        let client_before = CpuTime::of_this_process()?.total();
        let (cpu_before, switches_before) = (CpuTime::of_children()?.total(), switches()?);
        let outcome = load.run()?;
        let client_cpu = CpuTime::of_this_process()?.total() - client_before;
        server.stop()?;
        Ok(Cost {
            outcome,
            server_cpu: CpuTime::of_children()?.total() - cpu_before,
            context_switches: switches()? - switches_before,
            client_cpu,
        })
    }
}

/// How often the children of this process that have ended were switched, of their own will or not.
fn switches() -> anyhow::Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
    Ok(switches.unsigned_abs())
}

/// The indices of `count` things, a different one first in each round: a disturbance of the machine
/// hits all alike and not always the first.
pub fn in_turn(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |step| (step + round) % count)
}
