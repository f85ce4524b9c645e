//! What a connection, a message and an idle client cost under each model, and under the floor.
//!
//! Each load runs on a server process of its own, and the rounds are interleaved: a disturbance of
//! the machine hits all servers alike and not one of them.

use serde::Serialize;

use super::Experiment;
use super::exercise::{Exercise, MANY_CLIENTS, ONE_CLIENT, WARM_CONNECTIONS};
use crate::instruments::cost::Cost;
use crate::instruments::floor::MESSAGE_SIZE;
use crate::instruments::idle_memory::{self, IdleMemory};
use crate::instruments::sample::{Figure, Samples, count, figure};
use crate::lab::{Lab, Window, in_rounds};
use crate::models::Contestant;
use crate::pages::number::{short, time};
use crate::pages::section::{Section, Table, cell};

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
const OF_ONE_CLIENT: [Figure<Cost>; 2] = [
    figure(
        "connections_per_second_one_client",
        "per s,\n1 client",
        1.0,
        Cost::connections_per_second,
    ),
    figure(
        "server_cpu_per_connection_one_client_microseconds",
        "1 client,\nCPU, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
];

/// Many clients at once.
const CONNECTIONS: [Figure<Cost>; 6] = [
    figure(
        "connections_per_second_many_clients",
        "per s,\n32 clients",
        1.0,
        Cost::connections_per_second,
    ),
    figure("connection_latency_median_microseconds", "median,\nms", MS, |it| {
        it.connection_latency(0.5)
    }),
    figure("connection_latency_p99_microseconds", "p99,\nms", MS, |it| it.connection_latency(0.99)),
    figure(
        "server_cpu_per_connection_microseconds",
        "server\nCPU, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
    figure(
        "client_cpu_per_connection_microseconds",
        "client\nCPU, µs",
        1.0,
        Cost::client_cpu_per_connection,
    ),
    figure("client_cpu_percent_many_clients", "client CPU, %", 1.0, Cost::client_cpu_percent),
];

/// Messages over warm connections.
const MESSAGES: [Figure<Cost>; 7] = [
    figure("messages_per_second", "per\nsecond", 1.0, Cost::messages_per_second),
    figure("message_latency_median_microseconds", "median,\nms", MS, |it| it.message_latency(0.5)),
    figure("message_latency_p99_microseconds", "p99,\nms", MS, |it| it.message_latency(0.99)),
    figure(
        "server_cpu_per_message_microseconds",
        "server\nCPU, µs",
        1.0,
        Cost::server_cpu_per_message,
    ),
    figure(
        "client_cpu_per_message_microseconds",
        "client\nCPU, µs",
        1.0,
        Cost::client_cpu_per_message,
    ),
    figure("client_cpu_percent_warm_connections", "client CPU, %", 1.0, Cost::client_cpu_percent),
    count("answered_connections", "clients\nserved", Cost::answered_clients),
];

/// Idle connections.
const MEMORY: [Figure<IdleMemory>; 3] = [
    figure("user_memory_per_idle_connection_bytes", "user (PSS),\nKiB", KIB, |it| {
        Some(it.user / it.connections as f64)
    }),
    figure("kernel_memory_per_idle_connection_bytes", "kernel,\nKiB", KIB, |it| {
        Some(it.kernel / it.connections as f64)
    }),
    count("served_idle_connections", "clients\nserved", |it| Some(it.served as f64)),
];

/// The loads, and the figures that are taken of each.
const EXERCISES: [(Exercise, &[Figure<Cost>]); 3] =
    [(ONE_CLIENT, &OF_ONE_CLIENT), (MANY_CLIENTS, &CONNECTIONS), (WARM_CONNECTIONS, &MESSAGES)];

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
            let ((exercise, figures), index) = (&EXERCISES[step / all.len()], step % all.len());
            progress.step(format!("{}: {}", all[index].name, exercise.name));
            let cost = exercise.put(lab, &all[index], window)?;
            servers[index].1.add(figures, &cost);
            Ok(())
        })?;
        Ok(Figures {
            rounds,
            memory_rounds,
            seconds_per_round: window.duration.as_secs_f64(),
            many_clients: MANY_CLIENTS.connections,
            warm_connections: WARM_CONNECTIONS.connections,
            idle_connections: IDLE_CONNECTIONS,
            message_bytes: MESSAGE_SIZE,
            servers,
        })
    }

    fn show(figures: &Figures) -> anyhow::Result<Section> {
        let Figures { rounds, memory_rounds, .. } = figures;
        Ok(Section {
            sentences: [connections(figures), messages(figures), idle(figures)]
                .into_iter()
                .chain(out_of_line(figures))
                .collect(),
            tables: tables(figures),
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

/// A table a group of figures, a row a server.
fn tables(figures: &Figures) -> Vec<Table> {
    let [many, warm] = [CONNECTIONS[5].key, MESSAGES[5].key];
    let connections = format!("Connections: connect, one echo, Bye, end; {MANY} clients at once");
    let messages = format!(
        "Messages of {MESSAGE_SIZE} bytes over {} warm connections",
        WARM_CONNECTIONS.connections
    );
    let memory = format!("Memory per connection, {IDLE_CONNECTIONS} of them idle");
    let alone = columns(figures, OF_ONE_CLIENT[..1].iter(), "");
    let among = columns(figures, CONNECTIONS[..5].iter(), many);
    let shown = MESSAGES.iter().filter(|it| it.key != warm);
    vec![
        table(figures, connections, [alone, among].concat()),
        table(figures, messages, columns(figures, shown, warm)),
        table(figures, memory, columns(figures, MEMORY.iter(), "")),
    ]
}

/// A heading, and a cell for each server.
type Column = (String, Vec<String>);

fn columns<'a, T: 'static>(
    figures: &Figures,
    shown: impl Iterator<Item = &'a Figure<T>>,
    client_cpu: &str,
) -> Vec<Column> {
    let cells = |figure| figures.servers.iter().map(move |(_, it)| cell(it, figure, client_cpu));
    shown.map(|figure| (figure.label.to_owned(), cells(figure).collect())).collect()
}

fn table(figures: &Figures, caption: String, columns: Vec<Column>) -> Table {
    let cells = |row: usize| columns.iter().map(|(_, cells)| cells[row].clone()).collect();
    let names = figures.servers.iter().map(|(name, _)| name.clone());
    let rows = names.enumerate().map(|(row, name)| (name, cells(row))).collect();
    let columns = columns.iter().map(|(heading, _)| heading.clone()).collect();
    Table { caption, columns, rows, ..Table::default() }
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
    let clients = WARM_CONNECTIONS.connections;
    let few = served.iter().filter(|(_, count)| *count < clients as f64);
    let few: Vec<String> = few.map(|(name, count)| format!("{name} only {count:.0}")).collect();
    let all = match few.is_empty() {
        true => format!("each answered all {clients} clients"),
        false => format!(
            "of {clients} clients {} at a time were answered, and the others waited",
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

/// How many times as much CPU a connection may take among many as alone.
const IN_LINE: f64 = 2.0;

/// On models that many clients cost more than they ought to.
fn out_of_line(figures: &Figures) -> Vec<String> {
    let (_floor, models) = figures.servers.split_last().unzip();
    let sentence = |(name, samples): &(String, Samples)| {
        let findings: Vec<String> =
            [slower(samples), dearer(samples)].into_iter().flatten().collect();
        (!findings.is_empty()).then(|| {
            format!(
                "{name} is out of line: with {MANY} clients {}. `cargo run --release -- anatomy \
                 --models {name}` shows what they make the kernel do.",
                findings.join(", and ")
            )
        })
    };
    models.unwrap_or_default().iter().filter_map(sentence).collect()
}

/// Where every round with many clients served fewer than every round with one.
fn slower(samples: &Samples) -> Option<String> {
    let (alone, among) = (samples.get(OF_ONE_CLIENT[0].key), samples.get(CONNECTIONS[0].key));
    let ((slowest, _), (_, fastest)) = alone.range().zip(among.range())?;
    (fastest < slowest).then(|| {
        let (alone, among) = (short(alone.median()), short(among.median()));
        format!("it served {among} connections a second, and {alone} with one")
    })
}

/// Where a connection costs far more CPU among many.
fn dearer(samples: &Samples) -> Option<String> {
    let alone = samples.median(OF_ONE_CLIENT[1].key)?;
    let among = samples.median(CONNECTIONS[3].key)?;
    (among > IN_LINE * alone)
        .then(|| format!("a connection cost {} of CPU, and {} with one", time(among), time(alone)))
}

const MANY: usize = MANY_CLIENTS.connections;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's rates and costs in each round: with one client, and with many.
    fn server(name: &str, rates: [[f64; 2]; 2], costs: [f64; 2]) -> (String, Samples) {
        let mut samples = Samples::default();
        for (figure, rounds) in [&OF_ONE_CLIENT[0], &CONNECTIONS[0]].into_iter().zip(rates) {
            rounds.into_iter().for_each(|rate| samples.push(figure.key, rate));
        }
        samples.push(OF_ONE_CLIENT[1].key, costs[0]);
        samples.push(CONNECTIONS[3].key, costs[1]);
        (name.to_owned(), samples)
    }

    fn sentences(server: (String, Samples)) -> String {
        let floor = ("floor".to_owned(), Samples::default());
        let figures = Figures {
            rounds: 2,
            memory_rounds: 1,
            seconds_per_round: 1.0,
            many_clients: MANY,
            warm_connections: 50,
            idle_connections: IDLE_CONNECTIONS,
            message_bytes: MESSAGE_SIZE,
            servers: vec![server, floor],
        };
        let section = Comparison::show(&figures).unwrap();
        section.sentences.into_iter().filter(|it| it.contains("out of line")).collect()
    }

    #[test]
    fn a_model_that_many_clients_slow_down_is_out_of_line() {
        let slower = sentences(server("thread", [[9e3, 8e3], [2e3, 3e3]], [90.0, 100.0]));
        assert!(
            slower.contains("thread is out of line: with 32 clients it served 2.50k"),
            "{slower}"
        );
        assert!(slower.contains("8.50k with one. `cargo run --release -- anatomy"), "{slower}");
        assert!(!slower.contains("cost"), "{slower}");
        let dearer = sentences(server("fork", [[3e3, 3e3], [6e3, 6e3]], [100.0, 210.0]));
        assert!(
            dearer.contains("a connection cost 210 µs of CPU, and 100 µs with one"),
            "{dearer}"
        );
        let both = sentences(server("both", [[9e3, 9e3], [2e3, 2e3]], [90.0, 300.0]));
        assert!(both.contains("9.00k with one, and a connection cost 300 µs"), "{both}");
    }

    #[test]
    fn a_model_within_its_noise_is_in_line() {
        let noisy = server("pool", [[9e3, 7e3], [6e3, 8e3]], [100.0, 190.0]);
        assert_eq!(sentences(noisy), "");
    }
}
