//! What a load on a server brought, and what it cost both.

use std::time::Duration;

use client::load::{Histogram, Outcome, quantile};
use nix::sys::resource::{UsageWho, getrusage};
use server_core::CpuTime;

use crate::kernel::interrupts::Interrupts;
use crate::results::table::CLIENT_CPU;
use crate::results::{Figure, PER_SECOND, figure};

/// What came of a load. What it costs to start a server, to serve each client once and to stop is known from
/// another run, and is taken off.
#[derive(Clone, Debug)]
pub struct Cost {
    /// What came of the load.
    pub outcome: Outcome,
    /// How many connections the costs are those of.
    pub connections: u64,
    /// How many messages.
    pub messages: u64,
    /// What was charged for them.
    pub used: Used,
}

/// What has been charged to this process, and to those of its children that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Not known of a server that is no child of this process, unless its own process tells.
    server_cpu: Option<Duration>,
    /// Whether what follows is the server's at all.
    is_of_a_child: bool,
    client_cpu: Duration,
    /// How often the server's threads and children gave their processor up, since they had to wait.
    pub voluntary_switches: u64,
    /// How often it was taken from them.
    pub involuntary_switches: u64,
    /// How often they touched memory that the kernel had to provide first.
    pub page_faults: u64,
    /// What processors of the whole machine asked of each other.
    pub interrupts: Interrupts,
}

impl Used {
    /// Reads the accounts.
    pub(crate) fn so_far() -> anyhow::Result<Self> {
        let children = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let page_faults = children.minor_page_faults() + children.major_page_faults();
        Ok(Used {
            server_cpu: Some(CpuTime::of_children()?.total()),
            is_of_a_child: true,
            client_cpu: CpuTime::of_this_process()?.total(),
            voluntary_switches: u64::try_from(children.voluntary_context_switches())?,
            involuntary_switches: u64::try_from(children.involuntary_context_switches())?,
            page_faults: u64::try_from(page_faults)?,
            interrupts: Interrupts::so_far(),
        })
    }

    /// The same with the client's part of another reading.
    pub(crate) fn with_client_of(self, other: Self) -> Self {
        Used { client_cpu: other.client_cpu, ..self }
    }

    /// The same for a server that is no child of this process: its own process may tell its CPU time.
    pub(crate) fn of_another(self, server_cpu: Option<Duration>) -> Self {
        Used { server_cpu, is_of_a_child: false, ..self }
    }

    /// What was added since an earlier reading.
    pub(crate) fn since(self, before: Self) -> Self {
        let count = |of: fn(&Used) -> u64| of(&self).saturating_sub(of(&before));
        Used {
            server_cpu: self
                .server_cpu
                .zip(before.server_cpu)
                .map(|(it, before)| it.saturating_sub(before)),
            is_of_a_child: self.is_of_a_child,
            client_cpu: self.client_cpu.saturating_sub(before.client_cpu),
            voluntary_switches: count(|it| it.voluntary_switches),
            involuntary_switches: count(|it| it.involuntary_switches),
            page_faults: count(|it| it.page_faults),
            interrupts: self.interrupts.since(before.interrupts),
        }
    }
}

impl Cost {
    /// A load's outcome, and what it used.
    pub(crate) fn new(outcome: Outcome, used: Used) -> Self {
        let (connections, messages) = (outcome.all_connections, outcome.all_messages);
        Cost { outcome, connections, messages, used }
    }

    /// The same without what the least of the load has cost.
    pub(crate) fn beyond(self, least: &Cost) -> Self {
        Cost {
            connections: self.connections.saturating_sub(least.connections),
            messages: self.messages.saturating_sub(least.messages),
            used: self.used.since(least.used),
            outcome: self.outcome,
        }
    }

    fn server_cpu_each(&self, count: u64) -> Option<f64> {
        each(microseconds(self.used.server_cpu?), count)
    }

    /// How often the server's threads and children gave up their processor, or lost it.
    fn switches(&self) -> Option<f64> {
        let Used { voluntary_switches, involuntary_switches, is_of_a_child, .. } = self.used;
        is_of_a_child.then_some((voluntary_switches + involuntary_switches) as f64)
    }
}

/// Connections that came to their end.
pub const CONNECTIONS: Figure<Cost> =
    figure("connections", PER_SECOND, |it| Some(it.outcome.connections_per_second()));

/// The time from a connection's start to its end.
pub const CONNECTION_MEDIAN: Figure<Cost> =
    figure("connection latency median", "µs", |it| at(&it.outcome.connection_latency, 0.5));

/// The same that one connection in a hundred exceeds.
pub const CONNECTION_P99: Figure<Cost> =
    figure("connection latency p99", "µs", |it| at(&it.outcome.connection_latency, 0.99));

/// CPU time of the server and its children.
pub const CPU_PER_CONNECTION: Figure<Cost> =
    figure("server CPU per connection", "µs", |it| it.server_cpu_each(it.connections));

/// CPU time of the load.
pub const CLIENT_CPU_PER_CONNECTION: Figure<Cost> =
    figure("client CPU per connection", "µs", |it| {
        each(microseconds(it.used.client_cpu), it.connections)
    });

/// How often the server's threads and children were switched.
pub const SWITCHES_PER_CONNECTION: Figure<Cost> =
    figure("context switches per connection", "", |it| each(it.switches()?, it.connections));

/// Messages that were answered.
pub const MESSAGES: Figure<Cost> =
    figure("messages", PER_SECOND, |it| Some(it.outcome.messages_per_second()));

/// The time from a message to its answer.
pub const MESSAGE_MEDIAN: Figure<Cost> =
    figure("message latency median", "µs", |it| at(&it.outcome.message_latency, 0.5));

/// The same that one message in a hundred exceeds.
pub const MESSAGE_P99: Figure<Cost> =
    figure("message latency p99", "µs", |it| at(&it.outcome.message_latency, 0.99));

/// CPU time of the server and its children.
pub const CPU_PER_MESSAGE: Figure<Cost> =
    figure("server CPU per message", "µs", |it| it.server_cpu_each(it.messages));

/// CPU time of the load.
pub const CLIENT_CPU_PER_MESSAGE: Figure<Cost> = figure("client CPU per message", "µs", |it| {
    each(microseconds(it.used.client_cpu), it.messages)
});

/// How many clients were answered at all.
pub const ANSWERED: Figure<Cost> =
    figure("answered clients", "", |it| Some(it.outcome.answered_connections as f64));

/// What the load itself used of the CPUs that its threads can use: it marks a rate in a table, and is not shown beside.
pub const CLIENT: Figure<Cost> =
    figure(CLIENT_CPU, "%", |it| Some(it.outcome.client_share() * 100.0));

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A quantile of a latency, in microseconds.
fn at(latency: &Histogram<u64>, at: f64) -> Option<f64> {
    quantile(latency, at).map(|it| it.as_nanos() as f64 / 1e3)
}

fn each(all: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| all / count as f64)
}
