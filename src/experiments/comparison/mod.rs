//! What a connection, a message and an idle client cost under each model, and under the floor.
//!
//! Each load runs on a server process of its own, and the rounds are interleaved: a disturbance of
//! the machine hits all servers alike and not one of them.

use super::loads::{LOAD, MANY_CLIENTS, NamedLoad, ONE_CLIENT, WARM_CONNECTIONS};
use super::{Experiment, results_of};
use crate::measure::cost::{
    ANSWERED, CLIENT, CLIENT_CPU_PER_CONNECTION, CLIENT_CPU_PER_MESSAGE, CONNECTION_MEDIAN,
    CONNECTION_P99, CONNECTIONS, CPU_PER_CONNECTION, CPU_PER_MESSAGE, Cost, MESSAGE_MEDIAN,
    MESSAGE_P99, MESSAGES,
};
use crate::measure::idle_memory::{self, IdleMemory};
use crate::measure::lab::{Lab, Window};
use crate::models::{Contestant, each_once};
use crate::results::section::Section;
use crate::results::table::{Column, Table};
use crate::results::{Figure, Place, Results, View, figure};
use crate::servers::floor::MESSAGE_SIZE;

mod sentences;

/// How many connections are idle.
const IDLE: usize = 500;

/// The axis of that.
const IDLE_CLIENTS: &str = "idle_clients";

/// The comparison: what the lab does if it is told nothing.
#[derive(clap::Args, Debug)]
pub struct Comparison {}

const MS: f64 = 1e3;
const KIB: f64 = 1024.0;

/// The loads, and the figures that are taken of each.
const LOADS: [(NamedLoad, &[Figure<Cost>]); 3] = [
    (ONE_CLIENT, &[CONNECTIONS, CPU_PER_CONNECTION]),
    (
        MANY_CLIENTS,
        &[
            CONNECTIONS,
            CONNECTION_MEDIAN,
            CONNECTION_P99,
            CPU_PER_CONNECTION,
            CLIENT_CPU_PER_CONNECTION,
            CLIENT,
        ],
    ),
    (
        WARM_CONNECTIONS,
        &[
            MESSAGES,
            MESSAGE_MEDIAN,
            MESSAGE_P99,
            CPU_PER_MESSAGE,
            CLIENT_CPU_PER_MESSAGE,
            CLIENT,
            ANSWERED,
        ],
    ),
];

const USER: Figure<IdleMemory> =
    figure("user memory per connection", "bytes", |it| Some(it.user / it.connections as f64));
const KERNEL: Figure<IdleMemory> =
    figure("kernel memory per connection", "bytes", |it| Some(it.kernel / it.connections as f64));
const SERVED: Figure<IdleMemory> = figure("served clients", "", |it| Some(it.served as f64));

impl Experiment for Comparison {
    fn name(&self) -> &'static str {
        "comparison"
    }

    fn title(&self) -> &'static str {
        "What a connection, a message and an idle client cost"
    }

    fn quick() -> &'static str {
        "3 rounds of 120 ms instead of 5 of 400 ms"
    }

    fn takes_foreign() -> bool {
        true
    }

    fn connections(&self, _: &Lab) -> usize {
        WARM_CONNECTIONS.connections
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let Plan { rounds, memory_rounds, window } = Plan::of(lab);
        let loads = (rounds * LOADS.len()) as f64 * window.seconds();
        contestants(lab).len() as f64 * (loads + memory_rounds as f64 * 0.12)
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let Plan { rounds, memory_rounds, window } = Plan::of(lab);
        let all = contestants(lab);
        let mut results = results_of(self, &all);
        results.note(WINDOW, humantime::format_duration(window.duration).to_string());
        let progress = lab.progress(all.len() * (memory_rounds + rounds * LOADS.len()));
        // First, while no connections of other loads linger in the kernel.
        lab.in_rounds(memory_rounds, all.len(), |index| {
            let contestant = &all[index];
            progress.step(format!("{}: idle connections", contestant.name));
            let what = format!("{IDLE} idle connections");
            let measure = || idle_memory::measure(lab, contestant, IDLE);
            if let Some(memory) = lab.attempt(contestant, &what, IDLE, measure)? {
                let place = Place::of(&contestant.name).with(IDLE_CLIENTS, IDLE);
                results.add(&place, &[USER, KERNEL, SERVED], &memory);
            }
            Ok(())
        })?;
        lab.in_rounds(rounds, all.len() * LOADS.len(), |step| {
            let ((load, figures), contestant) = (&LOADS[step / all.len()], &all[step % all.len()]);
            progress.step(format!("{}: {}", contestant.name, load.name));
            let put = || load.put(lab, contestant, window);
            if let Some(cost) = lab.attempt(contestant, load.name, load.connections, put)? {
                results.add(&Place::of(&contestant.name).with(LOAD, load.name), figures, &cost);
            }
            Ok(())
        })?;
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let view = results.view();
        let (rounds, memory_rounds) = (view.rounds(CONNECTIONS.name), view.rounds(USER.name));
        let window: String = results.noted(WINDOW).unwrap_or_default();
        Section {
            sentences: sentences::all(results),
            tables: vec![connections(results), messages(results), memory(results)],
            method: format!(
                "Closed loops: a client waits for each answer. Medians of {rounds} rounds of {window} \
                 ({memory_rounds} rounds for memory) ± half their range, in percent of the median: how these rounds \
                 differ. Other runs and other days differ by more. A server with fewer workers than CPUs \
                 is listed twice: as it is by default, and with a worker for each CPU. The floor is a server \
                 without a protocol, one thread that sends back what it reads: it shows what the load can ask \
                 for. With one client at a time most of the time goes into waking up, and a server may be \
                 faster than the floor."
            ),
            ..Section::default()
        }
    }
}

/// Under which name the length of a round is noted.
const WINDOW: &str = "round";

/// Who takes part: beside a server with fewer workers than there are CPUs one with as many, and the floor.
fn contestants(lab: &Lab) -> Vec<Contestant> {
    let all = lab.contestants.iter().flat_map(Contestant::with_a_worker_for_each_cpu);
    each_once(all.chain([Contestant::floor()]))
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

fn connections(results: &Results) -> Table {
    let many = MANY_CLIENTS.connections;
    let among = |column: Column<'static>| column.at(LOAD, MANY_CLIENTS.name);
    let columns = [
        Column::figure("per s,\n1 client", &CONNECTIONS, 1.0).at(LOAD, ONE_CLIENT.name),
        among(Column::figure(format!("per s,\n{many} clients"), &CONNECTIONS, 1.0)),
        among(Column::figure("median,\nms", &CONNECTION_MEDIAN, MS)),
        among(Column::figure("p99,\nms", &CONNECTION_P99, MS)),
        among(Column::figure("server\nCPU, µs", &CPU_PER_CONNECTION, 1.0)),
        among(Column::figure("client\nCPU, µs", &CLIENT_CPU_PER_CONNECTION, 1.0)),
    ];
    let caption = format!("Connections: connect, one echo, Bye, end; {many} clients at once");
    Table::of(caption, results.view().servers(), &columns)
}

/// Whether a latency is that of a few clients, while the others wait.
fn is_of_few(view: &View<'_>) -> bool {
    view.median(ANSWERED.name).is_some_and(|count| count < WARM_CONNECTIONS.connections as f64)
}

fn messages(results: &Results) -> Table {
    let columns = [
        Column::figure("per\nsecond", &MESSAGES, 1.0),
        Column::figure("median,\nms", &MESSAGE_MEDIAN, MS).in_brackets_where(is_of_few),
        Column::figure("p99,\nms", &MESSAGE_P99, MS).in_brackets_where(is_of_few),
        Column::figure("server\nCPU, µs", &CPU_PER_MESSAGE, 1.0),
        Column::figure("client\nCPU, µs", &CLIENT_CPU_PER_MESSAGE, 1.0),
        Column::count("clients\nserved", &ANSWERED),
    ];
    let caption = format!(
        "Messages of {MESSAGE_SIZE} bytes over {} warm connections",
        WARM_CONNECTIONS.connections
    );
    Table::of(caption, results.view().at(LOAD, WARM_CONNECTIONS.name).servers(), &columns)
}

fn memory(results: &Results) -> Table {
    let columns = [
        Column::figure("user (PSS),\nKiB", &USER, KIB),
        Column::figure("kernel,\nKiB", &KERNEL, KIB),
        Column::count("clients\nserved", &SERVED),
    ];
    let caption = format!("Memory per connection, {IDLE} of them idle");
    Table::of(caption, results.view().at(IDLE_CLIENTS, IDLE).servers(), &columns)
}
