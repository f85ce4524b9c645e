//! Which experiments there are, in which order they run, and what is measured in each.
//!
//! Each experiment runs in its own server process, so that the CPU time which the kernel charges
//! to that process (and its children) at its end belongs to this experiment alone; a run without
//! load says how much of that was the start, the connecting and the stop. The rounds are
//! interleaved: a disturbance of the machine hits all servers alike and not one of them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use client::load::{Extent, Histogram, Load, Outcome};
use server_core::Model;

use crate::floor::{self, MESSAGE_SIZE};
use crate::measure::{Bench, Cost, in_turn};
use crate::memory;
use crate::models::{MODELS, served_at_once};
use crate::results::{Measure, Results};

/// How many clients come at once in the second experiment.
pub const MANY_CLIENTS: usize = 32;

/// Over how many warm connections the messages of the third experiment go.
pub const WARM_CONNECTIONS: usize = 50;

/// How many connections are idle in the fourth experiment.
pub const IDLE_CONNECTIONS: usize = 500;

/// What to compare, and how thoroughly.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the servers are started.
    pub bench: Bench,
    /// The servers, in the order of the table.
    pub servers: Vec<Model>,
    /// How often each load is put on each server.
    pub rounds: usize,
    /// How often the memory of each server is measured.
    pub memory_rounds: usize,
    /// How long each load runs before it is measured.
    pub warm_up: Duration,
    /// How long each load is measured.
    pub duration: Duration,
}

/// One load that is put on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Experiment {
    OneClient,
    ManyClients,
    WarmConnections,
}

const EXPERIMENTS: [Experiment; 3] =
    [Experiment::OneClient, Experiment::ManyClients, Experiment::WarmConnections];

impl Plan {
    /// The comparison of `models` and the floor, under a minute for all five.
    pub fn thorough(bench: Bench, models: &[Model]) -> Self {
        Plan {
            bench,
            servers: models.iter().copied().chain([floor::MODEL]).collect(),
            rounds: 5,
            memory_rounds: 3,
            warm_up: Duration::from_millis(80),
            duration: Duration::from_millis(400),
        }
    }

    /// The same comparison in a quarter of the time, with more noise.
    pub fn quick(bench: Bench, models: &[Model]) -> Self {
        Plan {
            rounds: 3,
            memory_rounds: 1,
            warm_up: Duration::from_millis(20),
            duration: Duration::from_millis(120),
            ..Plan::thorough(bench, models)
        }
    }

    /// How many steps [`run`](Self::run) takes.
    pub fn steps(&self) -> usize {
        self.servers.len() * (self.memory_rounds + self.rounds * EXPERIMENTS.len())
    }

    /// Runs everything and calls `progress` before each step. Blocks until the end.
    ///
    /// # Errors
    ///
    /// When a server or a client fails, or any answer is wrong or missing: figures of such a run
    /// would be worth nothing.
    pub fn run(&self, mut progress: impl FnMut(String)) -> anyhow::Result<Results> {
        let mut results = Results::new(self.servers.iter().map(|server| server.name));
        // First, while no connections of other experiments linger in the kernel.
        for round in 0..self.memory_rounds {
            for (index, server) in self.in_turn(round) {
                progress(format!("{}: idle connections", server.name));
                let context = || format!("{}: idle connections, round {}", server.name, round + 1);
                self.measure_memory(index, server, &mut results).with_context(context)?;
            }
        }
        for round in 0..self.rounds {
            for experiment in EXPERIMENTS {
                for (index, server) in self.in_turn(round) {
                    let what = format!("{}: {}", server.name, experiment.describe());
                    progress(what.clone());
                    let context = || format!("{what}, round {}", round + 1);
                    self.measure(experiment, index, server, &mut results).with_context(context)?;
                }
            }
        }
        Ok(results)
    }

    /// All servers with their index, a different one first in each round.
    fn in_turn(&self, round: usize) -> impl Iterator<Item = (usize, &Model)> {
        in_turn(self.servers.len(), round).map(|index| (index, &self.servers[index]))
    }

    fn measure(
        &self,
        experiment: Experiment,
        index: usize,
        server: &Model,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let idle = experiment.load(Duration::ZERO, Duration::ZERO);
        let idle = self.bench.put(server, &[], idle)?;
        let busy = self.bench.put(server, &[], experiment.load(self.warm_up, self.duration))?;
        for (measure, value) in experiment.figures(&busy, &idle) {
            results.push(index, measure, value);
        }
        Ok(())
    }

    fn measure_memory(
        &self,
        index: usize,
        server: &Model,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let process = self.bench.start(server, &[])?;
        let expected = served_at_once(server, IDLE_CONNECTIONS);
        let memory = memory::measure(process, IDLE_CONNECTIONS, expected)?;
        let each = |bytes: f64| bytes / memory.connections as f64;
        results.push(index, Measure::UserMemoryPerIdleConnectionBytes, each(memory.user));
        results.push(index, Measure::KernelMemoryPerIdleConnectionBytes, each(memory.kernel));
        results.push(index, Measure::ServedIdleConnections, memory.served as f64);
        Ok(())
    }
}

impl Experiment {
    fn describe(self) -> String {
        match self {
            Experiment::OneClient => "1 client".to_owned(),
            Experiment::ManyClients => format!("{MANY_CLIENTS} clients"),
            Experiment::WarmConnections => format!("{WARM_CONNECTIONS} warm connections"),
        }
    }

    fn load(self, warm_up: Duration, duration: Duration) -> impl FnOnce(SocketAddr) -> Load {
        let (connections, messages_per_connection) = match self {
            Experiment::OneClient => (1, Some(1)),
            Experiment::ManyClients => (MANY_CLIENTS, Some(1)),
            Experiment::WarmConnections => (WARM_CONNECTIONS, None),
        };
        move |server| Load {
            messages_per_connection,
            message_size: MESSAGE_SIZE,
            ..Load::strict(server, connections, Extent::Time { warm_up, duration })
        }
    }

    /// What a busy run measured. What it cost to start, to connect and to stop is known from an
    /// idle one, which ended as soon as it began, and is taken off.
    fn figures(self, busy: &Cost, idle: &Cost) -> Vec<(Measure, f64)> {
        use Measure::*;
        let quantile =
            |latency: &Histogram<u64>, quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        let each = |cpu: fn(&Cost) -> Duration, count: fn(&Outcome) -> u64| {
            let cpu = cpu(busy).saturating_sub(cpu(idle));
            let count = count(&busy.outcome).saturating_sub(count(&idle.outcome));
            cpu.as_secs_f64() * 1e6 / count.max(1) as f64
        };
        let outcome = &busy.outcome;
        let (connection, message) = (&outcome.connection_latency, &outcome.message_latency);
        let (connections, messages) =
            (|outcome: &Outcome| outcome.all_connections, |outcome: &Outcome| outcome.all_messages);
        match self {
            Experiment::OneClient => {
                vec![(ConnectionsPerSecondOneClient, outcome.connections_per_second())]
            }
            Experiment::ManyClients => vec![
                (ConnectionsPerSecondManyClients, outcome.connections_per_second()),
                (ConnectionLatencyMedianMicroseconds, quantile(connection, 0.5)),
                (ConnectionLatencyP99Microseconds, quantile(connection, 0.99)),
                (ServerCpuPerConnectionMicroseconds, each(|cost| cost.server_cpu, connections)),
                (ClientCpuPerConnectionMicroseconds, each(|cost| cost.client_cpu, connections)),
            ],
            Experiment::WarmConnections => vec![
                (MessagesPerSecond, outcome.messages_per_second()),
                (MessageLatencyMedianMicroseconds, quantile(message, 0.5)),
                (MessageLatencyP99Microseconds, quantile(message, 0.99)),
                (AnsweredConnections, outcome.answered_connections as f64),
                (ServerCpuPerMessageMicroseconds, each(|cost| cost.server_cpu, messages)),
                (ClientCpuPerMessageMicroseconds, each(|cost| cost.client_cpu, messages)),
            ],
        }
    }
}

/// The models that a comma-separated list names, in the order of the table.
///
/// # Errors
///
/// One line, when a name is not a model's or stands there twice.
pub fn choose(names: &[String]) -> Result<Vec<Model>, String> {
    for (place, name) in names.iter().enumerate() {
        if crate::models::find(name)?.name == floor::MODEL.name {
            return Err("the floor is always measured: name models only".to_owned());
        }
        if names[..place].contains(name) {
            return Err(format!("{name:?} is named twice"));
        }
    }
    Ok(MODELS.into_iter().filter(|model| names.iter().any(|name| name == model.name)).collect())
}
