//! What every experiment has at hand: servers to start, loads to put on them, and its order.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use client::load::{Extent, Load, Outcome, Status};
use indicatif::{ProgressBar, ProgressStyle};
use server_process::{ServerProcess, at_lowest_priority, keep_to_cpus, serve_command};

use crate::measure::cost::{Cost, Used};
use crate::measure::limits::Limits;
use crate::models::Contestant;
use crate::results::Failure;
use crate::servers::log::ServerLog;

mod failures;
mod running;

pub use running::Running;

/// Where servers are started: each in a process of its own, so that what the kernel charges to
/// that process and its children at its end belongs to one measurement alone.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The lab's own program, which also runs the servers.
    pub program: PathBuf,
    /// Who takes part.
    pub contestants: Vec<Contestant>,
    /// Whether to take less time, and accept more noise.
    pub quick: bool,
    /// What the order of the rounds follows from.
    pub seed: u64,
    /// Whether the servers' warnings are shown.
    pub warns: bool,
    /// Whether a server leaves the processors to the load when both want them (`nice(2)`): else a load that has to
    /// wait for a processor would count what it did not see.
    pub load_comes_first: bool,
    /// To how many processors a server is kept, if not all are its.
    pub server_cpus: Option<usize>,
    /// What limits how many connections there can be.
    pub limits: Limits,
    /// Which part of a longer work this is, such as `2 of 6`.
    pub part: String,
    /// What could not be measured so far.
    pub failures: Arc<Mutex<Vec<Failure>>>,
    /// How long the load itself has stood still so far, in milliseconds: in none of the figures.
    pub stood_still: Arc<AtomicU64>,
}

/// What is not measured of a server that forgets its children.
const CPU_TIME: &str = "CPU time";

/// How long a load runs before it is measured, and then how long.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Before the measurement.
    pub warm_up: Duration,
    /// The measurement.
    pub duration: Duration,
}

impl Window {
    /// A warm-up and a measurement of this many milliseconds.
    pub const fn milliseconds(warm_up: u64, duration: u64) -> Self {
        let [warm_up, duration] = [Duration::from_millis(warm_up), Duration::from_millis(duration)];
        Window { warm_up, duration }
    }

    /// How long a measurement takes with what belongs to it, in seconds.
    pub fn seconds(self) -> f64 {
        (self.warm_up + self.duration).as_secs_f64() + 0.03
    }

    /// As a load takes it.
    pub fn extent(self) -> Extent {
        Extent::Time { warm_up: self.warm_up, duration: self.duration }
    }
}

impl Lab {
    /// A lab in which servers are run by this program, for nobody yet.
    pub fn new(program: PathBuf) -> Self {
        let (contestants, limits, part) = (Vec::new(), Limits::here(), String::new());
        let (failures, stood_still) = (Arc::default(), Arc::default());
        let (quick, seed, warns) = (false, 0, true);
        let (load_comes_first, server_cpus) = (false, None);
        Lab {
            program,
            contestants,
            quick,
            seed,
            warns,
            load_comes_first,
            server_cpus,
            limits,
            part,
            failures,
            stood_still,
        }
    }

    /// Fails where the limits leave no room for this many connections at a time to anyone who takes
    /// part.
    ///
    /// # Errors
    ///
    /// One line that names the limit that is short.
    pub fn require_room(&self, connections: usize) -> anyhow::Result<()> {
        for contestant in &self.contestants {
            if let Some(lack) = self.limits.lack(contestant, connections) {
                bail!("{}: {connections} connections at a time: {lack}", contestant.name);
            }
        }
        Ok(())
    }

    /// Fails where a bare server takes part: it does not know this option, which the figures need.
    ///
    /// # Errors
    ///
    /// One line that names the bare server.
    pub fn require_servers(&self, option: &str) -> anyhow::Result<()> {
        match self.contestants.iter().find(|it| it.bare) {
            Some(other) if other.foreign.is_some() => {
                bail!("{} is not ours and is not told {option}", other.name)
            }
            Some(bare) => {
                bail!("{} is a bare server and does not know {option}: name servers", bare.name)
            }
            None => Ok(()),
        }
    }

    /// Starts a server without its log, and blocks until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self, contestant: &Contestant) -> anyhow::Result<ServerProcess> {
        let mut command = self.command(contestant);
        command.arg(if contestant.bare { "--bare" } else { "--quiet" });
        if !self.warns || contestant.bare {
            command.stderr(Stdio::null());
        }
        ServerProcess::start(command).with_context(|| contestant.name.clone())
    }

    /// Starts a server with its log, and blocks until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_with_log(
        &self,
        contestant: &Contestant,
    ) -> anyhow::Result<(ServerProcess, ServerLog)> {
        let mut command = self.command(contestant);
        let log = ServerLog::of(&mut command)?;
        let server = ServerProcess::start(command).with_context(|| contestant.name.clone())?;
        Ok((server, log))
    }

    fn command(&self, contestant: &Contestant) -> Command {
        let mut command = serve_command(&self.program, contestant.model.name, &contestant.options);
        if self.load_comes_first {
            at_lowest_priority(&mut command);
        }
        if let Some(cpus) = self.server_cpus {
            keep_to_cpus(&mut command, cpus);
        }
        command
    }

    /// Stops a server, as its kind is stopped. Blocks until it has ended.
    ///
    /// # Errors
    ///
    /// When it does not end, or not well.
    pub fn stop(&self, contestant: &Contestant, server: ServerProcess) -> anyhow::Result<()> {
        let stopped = if contestant.bare { server.terminate() } else { server.stop() };
        stopped.map(drop).with_context(|| contestant.name.clone())
    }

    /// Puts a load on a new server, and stops it. Blocks until then.
    ///
    /// # Errors
    ///
    /// When the server or the load fails.
    pub fn put(
        &self,
        contestant: &Contestant,
        load: impl FnOnce(SocketAddr) -> Load,
    ) -> anyhow::Result<Outcome> {
        self.put_watched(contestant, load, |_| ControlFlow::Continue(()))
    }

    /// The same, and lets `watch` end the measurement before its time.
    ///
    /// # Errors
    ///
    /// When the server or the load fails.
    pub fn put_watched(
        &self,
        contestant: &Contestant,
        load: impl FnOnce(SocketAddr) -> Load,
        watch: impl FnMut(Status) -> ControlFlow<()>,
    ) -> anyhow::Result<Outcome> {
        let server = self.open(contestant)?;
        let outcome = server.fitted(load(server.address())).run_watched(watch);
        let outcome = outcome.with_context(|| contestant.name.clone())?;
        self.note_standstills(&outcome);
        self.close(contestant, server)?;
        Ok(outcome)
    }

    fn note_standstills(&self, outcome: &Outcome) {
        let milliseconds = u64::try_from(outcome.stood_still.as_millis()).unwrap_or(u64::MAX);
        self.stood_still.fetch_add(milliseconds, Ordering::Relaxed);
    }

    fn put_once(
        &self,
        contestant: &Contestant,
        load: impl FnOnce(SocketAddr) -> Load,
    ) -> anyhow::Result<Cost> {
        let server = self.open(contestant)?;
        let (before, own_account) = (Used::so_far()?, server.cpu_time());
        let load = server.fitted(load(server.address()));
        let outcome = load.run().with_context(|| contestant.name.clone())?;
        self.note_standstills(&outcome);
        // First, so that the server's end is not charged to the client's account.
        let (client, own_account_then) = (Used::so_far()?, server.cpu_time());
        let (is_child, forgets_children) = (server.is_child(), server.forgets_children());
        self.close(contestant, server)?;
        let used = Used::so_far()?.since(before).with_client_of(client.since(before));
        let own_account =
            own_account_then.zip(own_account).map(|(then, before)| then.saturating_sub(before));
        let used = match (forgets_children, is_child) {
            (true, _) => {
                self.fail_once(
                    contestant,
                    CPU_TIME,
                    "it ignores SIGCHLD, so that nobody is charged for its children",
                );
                used.of_another(None)
            }
            (false, true) => used,
            (false, false) => used.of_another(own_account),
        };
        Ok(Cost::new(outcome, used))
    }

    /// Puts a load on a new server for this time, and as little of it as there can be on another one, whose
    /// cost is taken off. Blocks until then.
    ///
    /// # Errors
    ///
    /// When a server or a load fails: figures of such a run would be worth nothing.
    pub fn measure(
        &self,
        contestant: &Contestant,
        window: Window,
        load: impl Fn(SocketAddr, Extent) -> Load,
    ) -> anyhow::Result<Cost> {
        let load = |server| load(server, window.extent());
        let least = self.put_once(contestant, |server| least_of(load(server)))?;
        Ok(self.put_once(contestant, load)?.beyond(&least))
    }

    /// Runs `step` for each of `count` things in this many rounds, in another order in each: a disturbance of the
    /// machine, and what one leaves to the next, hit all alike. The seed decides on the orders.
    ///
    /// # Errors
    ///
    /// The first that `step` returns.
    pub fn in_rounds(
        &self,
        rounds: usize,
        count: usize,
        mut step: impl FnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut order: Vec<usize> = (0..count).collect();
        for round in 1..=rounds {
            random.shuffle(&mut order);
            for place in &order {
                step(*place).with_context(|| format!("round {round}"))?;
            }
        }
        Ok(())
    }

    /// Shows itself where standard error is a terminal.
    pub fn progress(&self, steps: usize) -> Progress {
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{prefix}{bar:30} {pos}/{len}  {msg}") {
            bar.set_style(style);
        }
        if !self.part.is_empty() {
            bar.set_prefix(format!("{}  ", self.part));
        }
        Progress(bar)
    }
}

/// The least of a load: the server starts and stops, and each client comes once. What a client then does
/// in a conversation of few messages it does here too, so that whole connections are taken off a load.
pub fn least_of(load: Load) -> Load {
    let extent = match load.messages_per_connection {
        Some(_) => Extent::Connections(load.connections as u64),
        None => Window::milliseconds(0, 0).extent(),
    };
    Load { extent, ..load }
}

/// How far an experiment is.
pub struct Progress(ProgressBar);

impl Progress {
    /// Takes a step, and names it.
    pub fn step(&self, name: impl Into<String>) {
        self.0.set_message(name.into());
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of ten things in each of three rounds.
    fn order(seed: u64) -> Vec<usize> {
        let lab = Lab { seed, ..Lab::new(PathBuf::new()) };
        let mut order = Vec::new();
        let told = lab.in_rounds(3, 10, |thing| {
            order.push(thing);
            Ok(())
        });
        assert!(told.is_ok());
        order
    }

    #[test]
    fn each_round_takes_all_in_another_order() {
        let order = order(1);
        let rounds: Vec<&[usize]> = order.chunks(10).collect();
        assert!(rounds[0] != rounds[1] && rounds[1] != rounds[2]);
        for round in rounds {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_seed_decides_on_the_order() {
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn the_least_of_a_load_has_each_client_do_once_what_its_connections_are_measured_by() {
        let load =
            Load::strict(([127, 0, 0, 1], 7).into(), 32, Window::milliseconds(10, 90).extent());
        let whole = least_of(Load { messages_per_connection: Some(1), ..load.clone() });
        assert!(matches!(whole.extent, Extent::Connections(32)), "{whole:?}");
        let warm = least_of(load);
        let Extent::Time { warm_up, duration } = warm.extent else { panic!("{warm:?}") };
        assert!(warm_up.is_zero() && duration.is_zero(), "{warm:?}");
    }
}
