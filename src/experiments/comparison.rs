//! What a connection, a message and an idle client cost under each model, and under the floor.
//!
//! Each load runs on a server process of its own, and the rounds are interleaved: a disturbance of
//! the machine hits all servers alike and not one of them.

use anyhow::Context;
use client::load::{Extent, Load};
use serde::Serialize;

use super::Experiment;
use crate::instruments::cost::Cost;
use crate::instruments::floor::MESSAGE_SIZE;
use crate::instruments::idle_memory::{self, IdleMemory};
use crate::instruments::sample::{Figure, Samples, count, figure};
use crate::lab::{Lab, Progress, Window, in_rounds};
use crate::models::Contestant;
use crate::pages::number::{short, time};
use crate::pages::section::{Section, Table, cell};

/// How many clients come at once.
const MANY_CLIENTS: usize = 32;

/// Over how many warm connections messages go.
const WARM_CONNECTIONS: usize = 50;

/// How many connections are idle.
const IDLE_CONNECTIONS: usize = 500;

/// The comparison: what the lab does if it is told nothing.
pub(super) struct Comparison;

/// It is told nothing of its own.
#[derive(clap::Args)]
pub(super) struct Options {}

/// What was found out. Units stand in the names of the figures.
#[derive(Serialize)]
pub(super) struct Figures {
    rounds: usize,
    memory_rounds: usize,
    seconds_per_round: f64,
    many_clients: usize,
    warm_connections: usize,
    idle_connections: usize,
    message_bytes: usize,
    #[serde(serialize_with = "by_name")]
    servers: Vec<(String, Samples)>,
}

const MS: f64 = 1e3;
const KIB: f64 = 1024.0;

/// One client after the other.
const ONE_CLIENT: [Figure<Cost>; 1] = [figure(
    "connections_per_second_one_client",
    "per s, 1 client",
    1.0,
    Cost::connections_per_second,
)];

/// Many clients at once.
const CONNECTIONS: [Figure<Cost>; 6] = [
    figure(
        "connections_per_second_many_clients",
        "per s, 32 clients",
        1.0,
        Cost::connections_per_second,
    ),
    figure("connection_latency_median_microseconds", "median, ms", MS, |it| {
        it.connection_latency(0.5)
    }),
    figure("connection_latency_p99_microseconds", "p99, ms", MS, |it| it.connection_latency(0.99)),
    figure(
        "server_cpu_per_connection_microseconds",
        "server CPU, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
    figure(
        "client_cpu_per_connection_microseconds",
        "client CPU, µs",
        1.0,
        Cost::client_cpu_per_connection,
    ),
    figure("client_cpu_percent_many_clients", "client CPU, %", 1.0, Cost::client_cpu_percent),
];

/// Messages over warm connections.
const MESSAGES: [Figure<Cost>; 7] = [
    figure("messages_per_second", "per second", 1.0, Cost::messages_per_second),
    figure("message_latency_median_microseconds", "median, ms", MS, |it| it.message_latency(0.5)),
    figure("message_latency_p99_microseconds", "p99, ms", MS, |it| it.message_latency(0.99)),
    figure(
        "server_cpu_per_message_microseconds",
        "server CPU, µs",
        1.0,
        Cost::server_cpu_per_message,
    ),
    figure(
        "client_cpu_per_message_microseconds",
        "client CPU, µs",
        1.0,
        Cost::client_cpu_per_message,
    ),
    figure("client_cpu_percent_warm_connections", "client CPU, %", 1.0, Cost::client_cpu_percent),
    count("answered_connections", "clients served", Cost::answered_clients),
];

/// Idle connections.
const MEMORY: [Figure<IdleMemory>; 3] = [
    figure("user_memory_per_idle_connection_bytes", "user (PSS), KiB", KIB, |it| {
        Some(it.user / it.connections as f64)
    }),
    figure("kernel_memory_per_idle_connection_bytes", "kernel, KiB", KIB, |it| {
        Some(it.kernel / it.connections as f64)
    }),
    count("served_idle_connections", "clients served", |it| Some(it.served as f64)),
];

/// One load that is put on a server: its name, its connections, their messages, its figures.
struct Exercise {
    name: &'static str,
    connections: usize,
    messages_per_connection: Option<u64>,
    figures: &'static [Figure<Cost>],
}

const EXERCISES: [Exercise; 3] = [
    Exercise {
        name: "1 client",
        connections: 1,
        messages_per_connection: Some(1),
        figures: &ONE_CLIENT,
    },
    Exercise {
        name: "32 clients",
        connections: MANY_CLIENTS,
        messages_per_connection: Some(1),
        figures: &CONNECTIONS,
    },
    Exercise {
        name: "50 warm connections",
        connections: WARM_CONNECTIONS,
        messages_per_connection: None,
        figures: &MESSAGES,
    },
];

impl Experiment for Comparison {
    const NAME: &'static str = "comparison";
    const TITLE: &'static str = "What a connection, a message and an idle client cost";
    const ABOUT: &'static str =
        "All models and the floor side by side: what the lab does if it is told nothing";
    const QUICK: &'static str = "3 rounds of 120 ms in the place of 5 of 400 ms";
    type Options = Options;
    type Figures = Figures;

    fn connections(_: &Lab, _: &Options) -> usize {
        IDLE_CONNECTIONS
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
        let mut servers: Vec<(String, Samples)> =
            all.iter().map(|it| (it.name.clone(), Samples::default())).collect();
        let progress = lab.progress(all.len() * (memory_rounds + rounds * EXERCISES.len()));
        // First, while no connections of other loads linger in the kernel.
        in_rounds(memory_rounds, all.len(), |index| {
            progress.step(format!("{}: idle connections", all[index].name));
            let memory = idle_memory::measure(lab, &all[index], IDLE_CONNECTIONS)?;
            servers[index].1.add(&MEMORY, &memory);
            Ok(())
        })?;
        in_rounds(rounds, all.len() * EXERCISES.len(), |step| {
            let (exercise, index) = (&EXERCISES[step / all.len()], step % all.len());
            let cost = exercise.put(lab, &all[index], window, &progress)?;
            servers[index].1.add(exercise.figures, &cost);
            Ok(())
        })?;
        Ok(Figures {
            rounds,
            memory_rounds,
            seconds_per_round: window.duration.as_secs_f64(),
            many_clients: MANY_CLIENTS,
            warm_connections: WARM_CONNECTIONS,
            idle_connections: IDLE_CONNECTIONS,
            message_bytes: MESSAGE_SIZE,
            servers,
        })
    }

    fn show(figures: &Figures) -> anyhow::Result<Section> {
        let Figures { rounds, memory_rounds, .. } = figures;
        Ok(Section {
            sentences: vec![connections(figures), messages(figures), idle(figures)],
            tables: vec![table(figures)],
            method: format!(
                "Closed loops: a client waits for each answer. Medians of {rounds} rounds \
                 ({memory_rounds} for memory) ± half their range, in percent of the median. The \
                 floor is a server without a protocol: one thread that sends back what it reads."
            ),
            ..Section::default()
        })
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
            false => (5, 3, Window::milliseconds(80, 400)),
            true => (3, 1, Window::milliseconds(20, 120)),
        };
        Plan { rounds, memory_rounds, window }
    }
}

impl Exercise {
    fn put(
        &self,
        lab: &Lab,
        contestant: &Contestant,
        window: Window,
        progress: &Progress,
    ) -> anyhow::Result<Cost> {
        progress.step(format!("{}: {}", contestant.name, self.name));
        let load = |server, extent: Extent| Load {
            messages_per_connection: self.messages_per_connection,
            message_size: MESSAGE_SIZE,
            ..Load::strict(server, self.connections, extent)
        };
        lab.measure(contestant, window, load).context(self.name)
    }
}

fn table(figures: &Figures) -> Table {
    let columns = figures.servers.iter().map(|(name, _)| name.clone()).collect();
    let heading = |text: String| (text, Vec::new());
    let many = CONNECTIONS[5].key;
    let warm = MESSAGES[5].key;
    let mut rows = vec![heading(format!(
        "Connections: connect, one echo, Bye, end; {MANY_CLIENTS} clients at once"
    ))];
    rows.extend(ONE_CLIENT.iter().map(|it| row(figures, it, "")));
    rows.extend(CONNECTIONS[..5].iter().map(|it| row(figures, it, many)));
    rows.push(heading(format!("Messages of 16 bytes over {WARM_CONNECTIONS} warm connections")));
    let shown = MESSAGES.iter().filter(|it| it.key != warm);
    rows.extend(shown.map(|it| row(figures, it, warm)));
    rows.push(heading(format!("Memory per connection, {IDLE_CONNECTIONS} of them idle")));
    rows.extend(MEMORY.iter().map(|it| row(figures, it, "")));
    Table { columns, rows, ..Table::default() }
}

fn row<T>(figures: &Figures, figure: &Figure<T>, client_cpu: &str) -> (String, Vec<String>) {
    let cells = figures.servers.iter().map(|(_, samples)| cell(samples, figure, client_cpu));
    (figure.label.to_owned(), cells.collect())
}

/// On a connection's cost.
fn connections(figures: &Figures) -> String {
    let rate = CONNECTIONS[0].key;
    let cost = ranked(figures, CONNECTIONS[3].key);
    let (Some(cheap), Some(dear)) = (cost.first(), cost.last()) else {
        return "No connections were measured.".to_owned();
    };
    let fastest = ranked(figures, rate).pop().unwrap_or_default();
    let floor = figures.servers.last().and_then(|(_, samples)| samples.median(rate));
    let reached = format!(
        "{} served the most, {} connections a second, where the floor served {}.",
        fastest.0,
        short(fastest.1),
        short(floor.unwrap_or(f64::NAN))
    );
    match cost.len() {
        1 => format!("A connection cost {} {} of CPU; {reached}", cheap.0, time(cheap.1)),
        _ => format!(
            "A connection cost {} {} of CPU and {} {}, {:.1} times as much; {reached}",
            cheap.0,
            time(cheap.1),
            dear.0,
            time(dear.1),
            dear.1 / cheap.1
        ),
    }
}

/// On messages, and on who was not answered.
fn messages(figures: &Figures) -> String {
    let rate = ranked(figures, MESSAGES[0].key);
    let (Some(slow), Some(fast)) = (rate.first(), rate.last()) else {
        return "No messages were measured.".to_owned();
    };
    let served = medians(figures, "answered_connections");
    let few = served.iter().filter(|(_, count)| *count < WARM_CONNECTIONS as f64);
    let few: Vec<String> = few.map(|(name, count)| format!("{name} only {count:.0}")).collect();
    let all = match few.is_empty() {
        true => format!("each answered all {WARM_CONNECTIONS} clients"),
        false => format!(
            "of {WARM_CONNECTIONS} clients {} at a time were answered, and the others waited",
            few.join(" and ")
        ),
    };
    let other = match rate.len() {
        1 => String::new(),
        _ => format!(", {} {}", slow.0, short(slow.1)),
    };
    format!(
        "Once connected, {} answered {} messages a second{other}; {all}.",
        fast.0,
        short(fast.1)
    )
}

/// On idle connections. What a server has not taken up costs it nothing, so only those that served
/// all compare.
fn idle(figures: &Figures) -> String {
    let served = medians(figures, MEMORY[2].key);
    let (user, kernel) = (medians(figures, MEMORY[0].key), medians(figures, MEMORY[1].key));
    let totals = user.iter().zip(&kernel).zip(&served);
    let totals = totals.filter(|(_, (_, count))| *count == IDLE_CONNECTIONS as f64);
    let totals = totals.map(|(((name, user), (_, kernel)), _)| (*name, user + kernel));
    let totals = sorted(totals.collect());
    let (Some((small, least)), Some((large, most))) = (totals.first(), totals.last()) else {
        return format!("None of these served {IDLE_CONNECTIONS} idle connections at once.");
    };
    let kib = |bytes: f64| short(bytes / KIB);
    let fit = |bytes: f64| short(f64::from(1 << 30) / bytes);
    let (first, first_fit) = (kib(*least), fit(*least));
    match totals.len() {
        1 => format!(
            "An idle connection held {first} KiB under {small}, so a GiB holds {first_fit} of them."
        ),
        _ => format!(
            "An idle connection held {first} KiB under {small} and {} KiB under {large}: a GiB holds \
             {first_fit} or {} of them.",
            kib(*most),
            fit(*most)
        ),
    }
}

/// A figure's medians over the contestants, without the floor.
fn medians<'a>(figures: &'a Figures, key: &str) -> Vec<(&'a str, f64)> {
    let (_floor, models) = figures.servers.split_last().unzip();
    let all = models.unwrap_or_default().iter();
    all.filter_map(|(name, samples)| Some((name.as_str(), samples.median(key)?))).collect()
}

/// The same, from the least to the most.
fn ranked<'a>(figures: &'a Figures, key: &str) -> Vec<(&'a str, f64)> {
    sorted(medians(figures, key))
}

fn sorted(mut medians: Vec<(&str, f64)>) -> Vec<(&str, f64)> {
    medians.sort_by(|one, other| one.1.total_cmp(&other.1));
    medians
}

/// An object with a member a server, in their order.
fn by_name<S: serde::Serializer>(
    servers: &[(String, Samples)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(servers.iter().map(|(name, samples)| (name, samples)))
}
