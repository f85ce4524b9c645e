//! What a connection, a message and an idle client cost under each model, and under the floor.
//!
//! Each load runs on a server process of its own, and the rounds are interleaved: a disturbance of
//! the machine hits all servers alike and not one of them.

use super::Experiment;
use super::exercise::{Exercise, MANY_CLIENTS, ONE_CLIENT, WARM_CONNECTIONS};
use crate::measure::cost::Cost;
use crate::measure::idle_memory::{self, IdleMemory};
use crate::measure::lab::{Lab, Window, in_rounds};
use crate::models::Contestant;
use crate::results::sample::{Figure, Samples, count, figure};
use crate::results::section::{CLIENT_CPU, PER_SECOND, Section, Table, cell};
use crate::results::{self, Place, Row};
use crate::servers::floor::MESSAGE_SIZE;

mod sentences;

/// How many connections are idle.
const IDLE_CONNECTIONS: usize = 500;

/// The comparison: what the lab does if it is told nothing.
pub(super) struct Comparison;

/// It is told nothing of its own.
#[derive(clap::Args)]
pub(super) struct Options {}

/// What was found out.
pub(super) struct Figures {
    rounds: usize,
    memory_rounds: usize,
    servers: Vec<Server>,
    /// Which servers could not hold the idle connections, and why.
    left_out: Vec<String>,
}

/// What was measured of a server.
struct Server {
    name: String,
    /// Under each of [`EXERCISES`], and then of idle connections.
    samples: [Samples; 4],
}

/// The places of a server's samples.
const ONE: usize = 0;
const AMONG: usize = 1;
const WARM: usize = 2;
const IDLE: usize = 3;

const MANY: usize = MANY_CLIENTS.connections;
const MS: f64 = 1e3;
const KIB: f64 = 1024.0;

/// One client after the other.
const OF_ONE_CLIENT: [Figure<Cost>; 2] = [
    figure("connections", PER_SECOND, "per s,\n1 client", 1.0, Cost::connections_per_second),
    figure(
        "server CPU per connection",
        "µs",
        "1 client,\nCPU, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
];

/// Many clients at once.
const CONNECTIONS: [Figure<Cost>; 6] = [
    figure("connections", PER_SECOND, "per s,\n32 clients", 1.0, Cost::connections_per_second),
    figure("connection latency median", "µs", "median,\nms", MS, |it| it.connection_latency(0.5)),
    figure("connection latency p99", "µs", "p99,\nms", MS, |it| it.connection_latency(0.99)),
    figure(
        "server CPU per connection",
        "µs",
        "server\nCPU, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
    figure(
        "client CPU per connection",
        "µs",
        "client\nCPU, µs",
        1.0,
        Cost::client_cpu_per_connection,
    ),
    figure(CLIENT_CPU, "%", "client CPU, %", 1.0, Cost::client_cpu_percent),
];

/// Messages over warm connections.
const MESSAGES: [Figure<Cost>; 7] = [
    figure("messages", PER_SECOND, "per\nsecond", 1.0, Cost::messages_per_second),
    figure("message latency median", "µs", "median,\nms", MS, |it| it.message_latency(0.5)),
    figure("message latency p99", "µs", "p99,\nms", MS, |it| it.message_latency(0.99)),
    figure("server CPU per message", "µs", "server\nCPU, µs", 1.0, Cost::server_cpu_per_message),
    figure("client CPU per message", "µs", "client\nCPU, µs", 1.0, Cost::client_cpu_per_message),
    figure(CLIENT_CPU, "%", "client CPU, %", 1.0, Cost::client_cpu_percent),
    count("answered clients", "clients\nserved", Cost::answered_clients),
];

/// Idle connections.
const MEMORY: [Figure<IdleMemory>; 3] = [
    figure("user memory per connection", "bytes", "user (PSS),\nKiB", KIB, |it| {
        Some(it.user / it.connections as f64)
    }),
    figure("kernel memory per connection", "bytes", "kernel,\nKiB", KIB, |it| {
        Some(it.kernel / it.connections as f64)
    }),
    count("served clients", "clients\nserved", |it| Some(it.served as f64)),
];

/// The loads, and the figures that are taken of each.
const EXERCISES: [(Exercise, &[Figure<Cost>]); 3] =
    [(ONE_CLIENT, &OF_ONE_CLIENT), (MANY_CLIENTS, &CONNECTIONS), (WARM_CONNECTIONS, &MESSAGES)];

impl Experiment for Comparison {
    const NAME: &'static str = "comparison";
    const TITLE: &'static str = "What a connection, a message and an idle client cost";
    const ABOUT: &'static str =
        "Compares all models side by side; this is what the lab does without a command";
    const QUICK: &'static str = "3 rounds of 120 ms instead of 5 of 400 ms";
    const TAKES_FOREIGN: bool = true;
    type Options = Options;
    type Figures = Figures;

    fn connections(_: &Lab, _: &Options) -> usize {
        WARM_CONNECTIONS.connections
    }

    fn seconds(lab: &Lab, _: &Options) -> f64 {
        let Plan { rounds, memory_rounds, window } = Plan::of(lab);
        let loads = (rounds * EXERCISES.len()) as f64 * window.seconds();
        (lab.contestants.len() + 1) as f64 * (loads + memory_rounds as f64 * 0.12)
    }

    fn measure(lab: &Lab, _: &Options) -> anyhow::Result<Figures> {
        let Plan { rounds, memory_rounds, window } = Plan::of(lab);
        let all: Vec<Contestant> =
            lab.contestants.iter().cloned().chain([Contestant::floor()]).collect();
        let new = |it: &Contestant| Server { name: it.name.clone(), samples: Default::default() };
        let mut servers: Vec<Server> = all.iter().map(new).collect();
        let progress = lab.progress(all.len() * (memory_rounds + rounds * EXERCISES.len()));
        let lack = |it: &Contestant| lab.limits.lack(it, IDLE_CONNECTIONS);
        let left_out = all.iter().filter_map(|it| {
            let lack = lack(it)?;
            Some(format!(
                "{}: {IDLE_CONNECTIONS} idle connections were not measured: {lack}.",
                it.name
            ))
        });
        let left_out = left_out.collect();
        // First, while no connections of other loads linger in the kernel.
        in_rounds(memory_rounds, all.len(), |index| {
            progress.step(format!("{}: idle connections", all[index].name));
            if lack(&all[index]).is_some() {
                return Ok(());
            }
            let measure = || idle_memory::measure(lab, &all[index], IDLE_CONNECTIONS);
            let memory = lab.attempt(&all[index], "idle connections", measure)?;
            memory.iter().for_each(|memory| servers[index].samples[IDLE].add(&MEMORY, memory));
            Ok(())
        })?;
        in_rounds(rounds, all.len() * EXERCISES.len(), |step| {
            let (load, index) = (step / all.len(), step % all.len());
            let (exercise, figures) = &EXERCISES[load];
            progress.step(format!("{}: {}", all[index].name, exercise.name));
            let put = || exercise.put(lab, &all[index], window);
            let cost = lab.attempt(&all[index], exercise.name, put)?;
            cost.iter().for_each(|cost| servers[index].samples[load].add(figures, cost));
            Ok(())
        })?;
        Ok(Figures { rounds, memory_rounds, servers, left_out })
    }

    fn rows(Figures { servers, .. }: &Figures) -> Vec<Row> {
        let mut rows = Vec::new();
        for Server { name, samples } in servers {
            for ((exercise, figures), samples) in EXERCISES.iter().zip(samples) {
                results::add(
                    &mut rows,
                    &Place::of(name).with("load", exercise.name),
                    figures,
                    samples,
                );
            }
            let idle = Place::of(name).with("idle_clients", IDLE_CONNECTIONS);
            results::add(&mut rows, &idle, &MEMORY, &samples[IDLE]);
        }
        rows
    }

    fn show(figures: &Figures) -> Section {
        let Figures { rounds, memory_rounds, .. } = figures;
        Section {
            sentences: sentences::all(figures),
            tables: tables(figures),
            method: format!(
                "Closed loops: a client waits for each answer. Medians of {rounds} rounds \
                 ({memory_rounds} for memory) ± half their range, in percent of the median. The \
                 floor is a server without a protocol: one thread that sends back what it reads."
            ),
            ..Section::default()
        }
    }
}

/// How often and for how long.
struct Plan {
    rounds: usize,
    memory_rounds: usize,
    window: Window,
}

impl Plan {
    fn of(lab: &Lab) -> Self {
        let (rounds, memory_rounds, window) = match lab.quick {
            false => (5, 4, Window::milliseconds(80, 400)),
            true => (3, 1, Window::milliseconds(20, 120)),
        };
        Plan { rounds, memory_rounds, window }
    }
}

/// A table a group of figures, a row a server.
fn tables(figures: &Figures) -> Vec<Table> {
    let connections = format!("Connections: connect, one echo, Bye, end; {MANY} clients at once");
    let messages = format!(
        "Messages of {MESSAGE_SIZE} bytes over {} warm connections",
        WARM_CONNECTIONS.connections
    );
    let memory = format!("Memory per connection, {IDLE_CONNECTIONS} of them idle");
    let alone = columns(figures, ONE, &OF_ONE_CLIENT[..1]);
    let among = columns(figures, AMONG, &CONNECTIONS);
    vec![
        table(figures, connections, [alone, among].concat()),
        table(figures, messages, columns(figures, WARM, &MESSAGES)),
        table(figures, memory, columns(figures, IDLE, &MEMORY)),
    ]
}

/// A heading, and a cell for each server.
type Column = (String, Vec<String>);

/// A column for each figure but the load's own CPU, which is in the marks.
fn columns<T>(figures: &Figures, load: usize, shown: &[Figure<T>]) -> Vec<Column> {
    let shown = shown.iter().filter(|figure| figure.name != CLIENT_CPU);
    let cells = |figure: &Figure<T>| {
        figures.servers.iter().map(|it| cell(&it.samples[load], figure)).collect()
    };
    shown.map(|figure| (figure.label.to_owned(), cells(figure))).collect()
}

fn table(figures: &Figures, caption: String, columns: Vec<Column>) -> Table {
    let cells = |row: usize| columns.iter().map(|(_, cells)| cells[row].clone()).collect();
    let names = figures.servers.iter().map(|it| it.name.clone());
    let rows = names.enumerate().map(|(row, name)| (name, cells(row))).collect();
    let columns = columns.iter().map(|(heading, _)| heading.clone()).collect();
    Table { caption, columns, rows, ..Table::default() }
}
