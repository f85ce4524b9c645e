//! What a load on a server brought, and what it cost both.

use std::time::Duration;

use client::load::{Outcome, quantile};
use nix::sys::resource::{UsageWho, getrusage};
use server_core::CpuTime;

use crate::kernel::interrupts::Interrupts;

/// What came of a load. What it costs to start a server, to connect and to stop is known from a run
/// that ended as soon as it began, and is taken off.
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

    /// The same without what an idle run has cost.
    pub(crate) fn beyond(self, idle: &Cost) -> Self {
        Cost {
            connections: self.connections.saturating_sub(idle.connections),
            messages: self.messages.saturating_sub(idle.messages),
            used: self.used.since(idle.used),
            outcome: self.outcome,
        }
    }

    /// CPU time of the server and its children for a connection, in microseconds.
    pub fn server_cpu_per_connection(&self) -> Option<f64> {
        each(self.used.server_cpu?.as_secs_f64() * 1e6, self.connections)
    }

    /// CPU time of the load for a connection, in microseconds.
    pub fn client_cpu_per_connection(&self) -> Option<f64> {
        each(self.used.client_cpu.as_secs_f64() * 1e6, self.connections)
    }

    /// How often the server's threads and children were switched for a connection.
    pub fn context_switches_per_connection(&self) -> Option<f64> {
        let Used { voluntary_switches, involuntary_switches, is_of_a_child, .. } = self.used;
        let switches = is_of_a_child.then_some(voluntary_switches + involuntary_switches)?;
        each(switches as f64, self.connections)
    }

    /// CPU time of the server and its children for a message, in microseconds.
    pub fn server_cpu_per_message(&self) -> Option<f64> {
        each(self.used.server_cpu?.as_secs_f64() * 1e6, self.messages)
    }

    /// CPU time of the load for a message, in microseconds.
    pub fn client_cpu_per_message(&self) -> Option<f64> {
        each(self.used.client_cpu.as_secs_f64() * 1e6, self.messages)
    }

    /// A quantile of the time from a connection's start to its end, in microseconds.
    pub fn connection_latency(&self, at: f64) -> Option<f64> {
        quantile(&self.outcome.connection_latency, at).map(|it| it.as_nanos() as f64 / 1e3)
    }

    /// A quantile of the time from a message to its answer, in microseconds.
    pub fn message_latency(&self, at: f64) -> Option<f64> {
        quantile(&self.outcome.message_latency, at).map(|it| it.as_nanos() as f64 / 1e3)
    }

    /// Connections that came to their end, per second.
    pub fn connections_per_second(&self) -> Option<f64> {
        Some(self.outcome.connections_per_second())
    }

    /// Messages that were answered, per second.
    pub fn messages_per_second(&self) -> Option<f64> {
        Some(self.outcome.messages_per_second())
    }

    /// How many clients were answered at all.
    pub fn answered_clients(&self) -> Option<f64> {
        Some(self.outcome.answered_connections as f64)
    }

    /// What the load itself used of one CPU, in percent.
    pub fn client_cpu_percent(&self) -> Option<f64> {
        Some(self.outcome.client_share() * 100.0)
    }
}

fn each(all: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| all / count as f64)
}
