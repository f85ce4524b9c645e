//! What `--json` writes. Units stand in the names of the figures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::summary::{classes, columns};
use crate::failure::FailureKind;
use crate::load::{BUSY, Extent, Histogram, Load, Outcome, Pace};

#[derive(Serialize)]
pub(super) struct Record {
    #[serde(rename = "loop")]
    pace: &'static str,
    server: String,
    connections: usize,
    message_bytes: usize,
    messages_per_connection: Option<u64>,
    due_messages_per_second: Option<f64>,
    due_messages: Option<u64>,
    warm_up_seconds: f64,
    measured_seconds: f64,
    messages: u64,
    messages_per_second: f64,
    answered_connections: usize,
    ended_connections: u64,
    ended_connections_per_second: f64,
    in_flight_messages: u64,
    unsent_messages: u64,
    lost_messages: u64,
    failures: BTreeMap<String, u64>,
    first_failures: BTreeMap<String, String>,
    warm_up_failures: u64,
    message_latency_microseconds: BTreeMap<&'static str, Option<f64>>,
    connection_latency_microseconds: BTreeMap<&'static str, Option<f64>>,
    message_latency_histogram: Vec<Class>,
    client_user_cpu_seconds: f64,
    client_system_cpu_seconds: f64,
    client_cpu_percent_of_one: f64,
    client_threads: usize,
    client_may_be_bottleneck: bool,
    client_standstills: u64,
    client_standstill_seconds: f64,
}

#[derive(Serialize)]
struct Class {
    from_microseconds: f64,
    below_microseconds: f64,
    messages: u64,
}

impl Record {
    pub(super) fn new(load: &Load, outcome: &Outcome) -> Self {
        let (pace, rate) = match load.pace {
            Pace::Closed => ("closed", None),
            Pace::Open { messages_per_second } => ("open", Some(messages_per_second)),
        };
        let warm_up_seconds = match load.extent {
            Extent::Time { warm_up, .. } => warm_up.as_secs_f64(),
            Extent::Connections(_) => 0.0,
        };
        let name = |kind: FailureKind| kind.to_string().replace(' ', "_");
        let count = |kind| (name(kind), outcome.failures.count(kind));
        let first = |kind| Some((name(kind), outcome.failures.first(kind)?.to_owned()));
        Record {
            pace,
            server: load.server.to_string(),
            connections: load.connections,
            message_bytes: load.message_size,
            messages_per_connection: load.messages_per_connection,
            due_messages_per_second: rate,
            due_messages: rate.map(|_| outcome.due),
            warm_up_seconds,
            measured_seconds: outcome.elapsed.as_secs_f64(),
            messages: outcome.message_latency.len(),
            messages_per_second: outcome.messages_per_second(),
            answered_connections: outcome.answered_connections,
            ended_connections: outcome.connection_latency.len(),
            ended_connections_per_second: outcome.connections_per_second(),
            in_flight_messages: outcome.in_flight,
            unsent_messages: outcome.unsent,
            lost_messages: outcome.lost,
            failures: FailureKind::ALL.into_iter().map(count).collect(),
            first_failures: FailureKind::ALL.into_iter().filter_map(first).collect(),
            warm_up_failures: outcome.warm_up_failures,
            message_latency_microseconds: microseconds(&outcome.message_latency),
            connection_latency_microseconds: microseconds(&outcome.connection_latency),
            message_latency_histogram: histogram(&outcome.message_latency),
            client_user_cpu_seconds: outcome.client_cpu.user.as_secs_f64(),
            client_system_cpu_seconds: outcome.client_cpu.system.as_secs_f64(),
            client_cpu_percent_of_one: 100.0 * outcome.client_cpu.total().as_secs_f64()
                / outcome.elapsed.as_secs_f64(),
            client_threads: outcome.threads,
            client_may_be_bottleneck: outcome.client_share() >= BUSY,
            client_standstills: outcome.standstills,
            client_standstill_seconds: outcome.stood_still.as_secs_f64(),
        }
    }
}

fn microseconds(latency: &Histogram<u64>) -> BTreeMap<&'static str, Option<f64>> {
    let value = |(name, value): (_, Option<Duration>)| (name, value.map(in_microseconds));
    columns(latency).into_iter().map(value).collect()
}

fn histogram(latency: &Histogram<u64>) -> Vec<Class> {
    let class = |class: super::summary::Class| Class {
        from_microseconds: in_microseconds(class.from),
        below_microseconds: in_microseconds(class.to),
        messages: class.count,
    };
    classes(latency).into_iter().map(class).collect()
}

fn in_microseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}
