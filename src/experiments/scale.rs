//! Measures how each model behaves as the number of clients grows.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Load};

use super::loads::LOAD;
use super::{Experiment, from_few_to_many, results_of};
use crate::measure::cost::{
    ANSWERED, CLIENT, CONNECTIONS, CPU_PER_CONNECTION, CPU_PER_MESSAGE, Cost, MESSAGE_MEDIAN,
    MESSAGE_P99, MESSAGES, SWITCHES_PER_CONNECTION,
};
use crate::measure::lab::{Lab, Window};
use crate::models::{self, Contestant};
use crate::results::number::{short, time};
use crate::results::plot::{Axes, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table};
use crate::results::{Figure, Place, Results, View};
use crate::servers::floor::MESSAGE_SIZE;

/// The experiment.
#[derive(clap::Args, Debug, Default)]
pub struct Scale {
    /// How many clients at a time, from few to many [default: 1,16,128,1024]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    clients: Vec<usize>,
}

/// How often each is measured.
const ROUNDS: usize = 4;

/// The axis of the experiment.
const CLIENTS: &str = "clients";

/// The loads. Of connections: connect, one echo, `Bye`, end. Then messages over warm connections.
const LOADS: [LoadOfScale; 2] = [
    LoadOfScale {
        name: "connections",
        messages_per_connection: Some(1),
        figures: &[CONNECTIONS, CPU_PER_CONNECTION, SWITCHES_PER_CONNECTION, CLIENT],
    },
    LoadOfScale {
        name: "messages",
        messages_per_connection: None,
        figures: &[MESSAGES, MESSAGE_MEDIAN, MESSAGE_P99, CPU_PER_MESSAGE, ANSWERED, CLIENT],
    },
];

struct LoadOfScale {
    name: &'static str,
    messages_per_connection: Option<u64>,
    figures: &'static [Figure<Cost>],
}

/// What is shown of a load: a figure, its title, the unit of its plot, and how many of the figure's are one of
/// these.
type Shown = (&'static str, Figure<Cost>, &'static str, &'static str, f64);

const SHOWN: [Shown; 9] = [
    ("connections", CONNECTIONS, "Connections per second", "", 1.0),
    ("connections", CPU_PER_CONNECTION, "Server CPU per connection", "µs", 1.0),
    ("connections", SWITCHES_PER_CONNECTION, "Context switches per connection", "", 1.0),
    ("messages", MESSAGES, "Messages per second", "", 1.0),
    ("messages", MESSAGE_MEDIAN, "Message latency in a closed loop, median", "ms", 1e3),
    ("messages", MESSAGE_P99, "Message latency in a closed loop, p99", "ms", 1e3),
    ("messages", CPU_PER_MESSAGE, "Server CPU per message", "µs", 1.0),
    ("messages", ANSWERED, "Clients answered at all", "", 1.0),
    ("messages", CLIENT, "The load's own CPU during messages", "%", 1.0),
];

impl Experiment for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn title(&self) -> &'static str {
        "As the clients grow in number"
    }

    fn quick() -> &'static str {
        "2 rounds of 80 ms with 1 and 256 clients"
    }

    fn takes_foreign() -> bool {
        true
    }

    fn connections(&self, lab: &Lab) -> usize {
        self.clients(lab).into_iter().min().unwrap_or_default()
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let measurements = 2 * rounds(lab) * self.clients(lab).len();
        (measurements * lab.contestants.len()) as f64 * window(lab).seconds()
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let (clients, all) = (self.clients(lab), &lab.contestants);
        let mut results = results_of(self, all);
        let steps = clients.len() * all.len();
        let progress = lab.progress(rounds(lab) * steps);
        lab.in_rounds(rounds(lab), steps, |step| {
            let (clients, contestant) = (clients[step / all.len()], &all[step % all.len()]);
            let what = format!("{clients} clients");
            progress.step(format!("{}: {what}", contestant.name));
            let measure = || measure(lab, contestant, clients);
            if let Some(costs) = lab.attempt(contestant, &what, clients, measure)? {
                for (load, cost) in LOADS.iter().zip(costs) {
                    let place = Place::of(&contestant.name).with(LOAD, load.name);
                    results.add(&place.with(CLIENTS, clients), load.figures, &cost);
                }
            }
            Ok(())
        })?;
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let servers = results.view().servers();
        let bends = servers.iter().filter_map(|(name, view)| bend(name, view));
        let unanswered = servers.iter().filter_map(|(name, view)| unanswered(name, view));
        let rounds = results.view().rounds(CONNECTIONS.name);
        Section {
            sentences: bends.chain(unanswered).collect(),
            pictures: SHOWN.iter().filter_map(|shown| plot(results, shown)).collect(),
            tables: SHOWN.iter().map(|shown| table(results, shown)).collect(),
            method: format!(
                "Closed loops: a client waits for each answer. Medians of {rounds} interleaved \
                 rounds ± half their range: how these rounds differ. Other runs differ by more.{}",
                workers(results)
            ),
            ..Section::default()
        }
    }
}

impl Scale {
    fn clients(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(&self.clients, lab, &[1, 16, 128, 1024], &[1, 256])
    }
}

/// Their default numbers of workers: a server with more of them could do more.
fn workers(results: &Results) -> String {
    let all = results.servers.iter().filter_map(|server| {
        let workers = models::model_of(&server.name)?.properties.workers?();
        Some(format!("{} {workers}", server.name))
    });
    let all: Vec<String> = all.collect();
    if all.is_empty() {
        String::new()
    } else {
        format!(" Workers, by default: {}.", all.join(", "))
    }
}

fn window(lab: &Lab) -> Window {
    if lab.quick { Window::milliseconds(30, 80) } else { Window::milliseconds(75, 225) }
}

fn rounds(lab: &Lab) -> usize {
    if lab.quick { 2 } else { ROUNDS }
}

/// Puts each of [`LOADS`] on a server, with this many clients.
fn measure(lab: &Lab, contestant: &Contestant, clients: usize) -> anyhow::Result<Vec<Cost>> {
    // An iterative server lets a thousand clients wait for long; one that is not ours may hang.
    let patience = Duration::from_secs(if contestant.foreign.is_none() { 60 } else { 15 });
    let measure = |load: &LoadOfScale| {
        lab.measure(contestant, window(lab), |server, extent: Extent| Load {
            messages_per_connection: load.messages_per_connection,
            message_size: MESSAGE_SIZE,
            patience,
            ..Load::strict(server, clients, extent)
        })
    };
    LOADS.iter().map(measure).collect()
}

/// A figure's title, with its unit.
fn title((_, _, title, unit, _): &Shown) -> String {
    if unit.is_empty() { (*title).to_owned() } else { format!("{title}, {unit}") }
}

fn plot(results: &Results, shown: &Shown) -> Option<Picture> {
    let (load, figure, what, unit, scale) = shown;
    let of_load =
        |x, view: &View<'_>| Point::of(x, view.at(LOAD, *load).sample(figure.name), *scale);
    let lines = results.view().lines(CLIENTS, of_load);
    let (title, y) = (title(shown), if unit.is_empty() { what } else { unit });
    picture(&Axes { title: &title, x: "clients at a time", y, even: false }, &lines)
}

/// A figure's table: a row a model, a column a number of clients.
fn table(results: &Results, shown: &Shown) -> Table {
    let (load, figure, _, _, scale) = shown;
    let view = results.view().at(LOAD, *load);
    let column = |clients| match figure.name == ANSWERED.name {
        true => Column::count(clients, figure).at(CLIENTS, clients),
        false => Column::figure(clients, figure, *scale).at(CLIENTS, clients),
    };
    let columns: Vec<Column<'_>> = view.values(CLIENTS).into_iter().map(column).collect();
    Table { corner: "clients", ..Table::of(title(shown), view.servers(), &columns) }
}

/// Where a model bends: what a connection costs with the fewest clients and with the most.
fn bend(name: &str, server: &View<'_>) -> Option<String> {
    let points = server.at(LOAD, "connections").along(CLIENTS);
    let ((few, first), (many, last)) = (points.first()?, points.last()?);
    let clients = |count: f64| match count {
        1.0 => "1 client".to_owned(),
        _ => format!("{count} clients"),
    };
    let rate = |view: &View<'_>| view.median(CONNECTIONS.name).unwrap_or_default();
    // Of a server that is not ours there may be its rate alone.
    let costs = |view: &View<'_>| {
        let cpu = time(view.median(CPU_PER_CONNECTION.name)?);
        Some((cpu, short(view.median(SWITCHES_PER_CONNECTION.name)?)))
    };
    let ((cpu, switches), (last_cpu, last_switches)) = (costs(first)?, costs(last)?);
    let [few, many] = [few, many].map(|it| clients(it.number()));
    if points.len() == 1 {
        return Some(format!(
            "{name}: a connection costs {cpu} of CPU and {switches} context switches with {few}, who are \
             served {} connections a second.",
            short(rate(first))
        ));
    }
    let best = points.iter().map(|(_, view)| rate(view)).fold(0.0, f64::max);
    Some(format!(
        "{name}: a connection costs {cpu} of CPU and {switches} context switches with {few}, {last_cpu} \
         and {last_switches} with {many}; its best rate was {} connections a second.",
        short(best),
    ))
}

/// Where not all that were connected were answered within the time.
fn unanswered(name: &str, server: &View<'_>) -> Option<String> {
    let points = server.at(LOAD, "messages").along(CLIENTS).into_iter();
    let mut answered =
        points.filter_map(|(clients, view)| Some((clients, view.median(ANSWERED.name)?)));
    let (clients, count) = answered.find(|(clients, count)| *count < clients.number())?;
    Some(format!("{name} answered {count:.0} of {clients} clients within the measurement."))
}
