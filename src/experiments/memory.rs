//! What idle connections hold as they grow in number, and what memory costs a fork.

use anyhow::anyhow;
use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Load};
use server_core::Unit;

use super::{Experiment, from_few_to_many};
use crate::measure::cost::Cost;
use crate::measure::idle_memory::{self, IdleMemory};
use crate::measure::lab::{Lab, Progress, Window, in_rounds};
use crate::models::Contestant;
use crate::results::number::{short, short_or_nothing, time};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::sample::{Figure, Samples, figure};
use crate::results::section::{CLIENT_CPU, PER_SECOND, Section, Table, cell};
use crate::results::{self, Place, Row};
use crate::servers::ballast;

const KIB: f64 = 1024.0;

/// The experiment.
pub(super) struct Memory;

/// What it is told.
#[derive(clap::Args)]
pub(super) struct Options {
    /// How many idle connections, from few to many [default: 100,1000,10000]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    connections: Vec<usize>,

    /// The stack of each thread, in bytes, in models that have threads for their clients
    #[arg(long, value_name = "BYTES",
        value_parser = RangedU64ValueParser::<u64>::new().range(16_384..=1 << 30))]
    stack_size: Option<u64>,

    /// How much memory a forking server has allocated before it forks, such as 256MiB, from little to much
    #[arg(long, value_name = "SIZE,SIZE", value_delimiter = ',',
        default_values = ["0MiB", "64MiB", "256MiB"], value_parser = parse_mib)]
    ballast: Vec<u64>,
}

impl Options {
    fn ballasts(&self) -> Vec<u64> {
        from_few_to_many(self.ballast.clone())
    }

    fn counts(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(match (self.connections.as_slice(), lab.quick) {
            ([], false) => vec![100, 1000, 10_000],
            ([], true) => vec![100, 1000],
            (counts, _) => counts.to_vec(),
        })
    }
}

/// How often the ballast is measured.
fn rounds(quick: bool) -> usize {
    if quick { 1 } else { 4 }
}

/// The server that forks for each connection, if it takes part.
fn fork_of(lab: &Lab) -> Option<&Contestant> {
    lab.contestants
        .iter()
        .find(|it| it.model.unit == Unit::Process && it.model.makes_a_unit_for_each() && !it.bare)
}

/// What was found out.
pub(super) struct Figures {
    idle_connections: Vec<Growth>,
    fork_with_ballast: Vec<Ballast>,
}

/// One model over all numbers of idle connections.
struct Growth {
    model: String,
    colour: u32,
    /// What was measured, from few connections to many.
    holdings: Vec<IdleMemory>,
    /// What made the model fail at a greater number.
    failed_at: Option<(usize, String)>,
    /// What each further connection holds in user space: the fitted slope.
    user_kib_per_connection: Option<f64>,
    /// The same in the kernel.
    kernel_kib_per_connection: Option<f64>,
}

/// What connections cost a forking server that holds this much memory itself.
struct Ballast {
    ballast_mib: u64,
    samples: Samples,
}

/// Of connections to a forking server, 32 clients at a time.
const WITH_BALLAST: [Figure<Cost>; 3] = [
    figure("connections", PER_SECOND, "connections/s", 1.0, Cost::connections_per_second),
    figure(
        "server CPU per connection",
        "µs",
        "server CPU, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
    figure(CLIENT_CPU, "%", "client CPU, %", 1.0, Cost::client_cpu_percent),
];

impl Experiment for Memory {
    const NAME: &'static str = "memory";
    const TITLE: &'static str = "What idle connections hold";
    const ABOUT: &'static str = "Measures how much memory idle connections take";
    const TAKES_FOREIGN: bool = true;
    const QUICK: &'static str = "100 and 1,000 connections, and one round with ballast";
    type Options = Options;
    type Figures = Figures;

    fn connections(lab: &Lab, options: &Options) -> usize {
        options.counts(lab).into_iter().min().unwrap_or_default()
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let counts = options.counts(lab);
        let hold = |contestant: &Contestant, count: usize| match count <= contestant.room() {
            true => 0.15 + 160e-6 * count as f64,
            false => 0.0,
        };
        let held =
            lab.contestants.iter().flat_map(|it| counts.iter().map(|count| hold(it, *count)));
        let ballasts = fork_of(lab).map_or(0, |_| options.ballast.len() * rounds(lab.quick));
        held.sum::<f64>() + ballasts as f64 * 0.5
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Figures> {
        let counts = options.counts(lab);
        let (rounds, fork) = (rounds(lab.quick), fork_of(lab));
        let ballasts = if fork.is_some() { options.ballasts() } else { Vec::new() };
        let steps = lab.contestants.len() * counts.len() + ballasts.len() * rounds;
        let progress = lab.progress(steps);
        let mut idle_connections = Vec::new();
        for contestant in &lab.contestants {
            let stack =
                options.stack_size.filter(|_| contestant.model.properties.stack_size.is_some());
            let contestant = match stack {
                Some(size) => contestant.clone().with("--stack-size", size),
                None => contestant.clone(),
            };
            idle_connections.push(grow(lab, &contestant, &counts, &progress)?);
        }
        let fork_with_ballast = match fork {
            Some(fork) => burden(lab, fork, &ballasts, rounds, &progress)?,
            None => Vec::new(),
        };
        Ok(Figures { idle_connections, fork_with_ballast })
    }

    fn rows(Figures { idle_connections, fork_with_ballast }: &Figures) -> Vec<Row> {
        let mut rows = Vec::new();
        for growth in idle_connections {
            growth.add_to(&mut rows);
        }
        for Ballast { ballast_mib, samples } in fork_with_ballast {
            let place = Place::of("fork").with("ballast_mib", *ballast_mib as usize);
            results::add(&mut rows, &place, &WITH_BALLAST, samples);
        }
        rows
    }

    fn show(Figures { idle_connections, fork_with_ballast }: &Figures) -> Section {
        let curves = idle_connections.iter();
        let curves = curves.map(|it| (it.model.as_str(), it.colour, it.holdings.as_slice()));
        let mib = f64::from(1 << 20);
        let lines = Line::all(curves, |it: &IdleMemory| {
            // What waits to be served is little more than a socket, and most of that is noise.
            let all_served = it.served == it.connections;
            let memory = all_served.then(|| (it.user + it.kernel) / mib);
            Point::exact(it.connections as f64, memory)
        });
        let title = "Memory of servers that serve all their clients, user and kernel, MiB";
        let axes = Axes { title, x: "idle connections", y: "MiB", even: false };
        let mut tables = vec![holdings(idle_connections)];
        if !fork_with_ballast.is_empty() {
            tables.push(burdens(fork_with_ballast));
        }
        let of_ballast = if fork_with_ballast.is_empty() { "" } else { METHOD_OF_BALLAST };
        let growth = idle_connections.iter().map(Growth::sentence);
        Section {
            sentences: growth.chain(sentence_on_ballast(fork_with_ballast)).collect(),
            pictures: picture(&axes, &lines).into_iter().collect(),
            tables,
            method: METHOD.to_owned() + of_ballast,
        }
    }
}

const METHOD: &str = "KiB per connection: user is the proportional set size of the server and its \
    children; kernel is stacks, page tables and slabs of the whole machine, the clients' sockets \
    taken off, so that a small figure may be noise, and below zero. Processes, threads and files \
    are the server's in all. Each was measured once.";

/// Where there is a ballast.
const METHOD_OF_BALLAST: &str = " What a ballast costs was measured in interleaved rounds, without the \
    time that it takes to fill it.";

/// Measures a model with each number of idle connections, up to the first that the model or the
/// machine cannot hold.
fn grow(
    lab: &Lab,
    contestant: &Contestant,
    counts: &[usize],
    progress: &Progress,
) -> anyhow::Result<Growth> {
    let (mut holdings, mut failed_at) = (Vec::new(), None);
    for count in counts {
        progress.step(format!("{}: {count} idle connections", contestant.name));
        let holding = match lab.limits.lack(contestant, *count) {
            Some(lack) => Err(anyhow!(lack)),
            None => idle_memory::measure(lab, contestant, *count),
        };
        match holding {
            Ok(holding) => holdings.push(holding),
            Err(error) => {
                failed_at = Some((*count, format!("{error:#}")));
                break;
            }
        }
    }
    Ok(Growth {
        model: contestant.name.clone(),
        colour: contestant.colour,
        user_kib_per_connection: slope(&holdings, |it| it.user),
        kernel_kib_per_connection: slope(&holdings, |it| it.kernel),
        holdings,
        failed_at,
    })
}

/// Measures what a connection costs a forking server with each of these ballasts.
fn burden(
    lab: &Lab,
    fork: &Contestant,
    ballasts: &[u64],
    rounds: usize,
    progress: &Progress,
) -> anyhow::Result<Vec<Ballast>> {
    let new = |mib: &u64| Ballast { ballast_mib: *mib, samples: Samples::default() };
    let mut all: Vec<Ballast> = ballasts.iter().map(new).collect();
    in_rounds(rounds, all.len(), |index| {
        let Ballast { ballast_mib, samples } = &mut all[index];
        progress.step(format!("{}: {ballast_mib} MiB of ballast", fork.name));
        let fork = fork.clone().with(ballast::OPTION, *ballast_mib);
        let load = |server, extent: Extent| Load {
            messages_per_connection: Some(1),
            ..Load::strict(server, 32, extent)
        };
        samples.add(&WITH_BALLAST, &lab.measure(&fork, Window::milliseconds(50, 225), load)?);
        Ok(())
    })?;
    Ok(all)
}

/// The slope of the line that fits best (least squares), in KiB per connection; nothing without a point.
fn slope(holdings: &[IdleMemory], bytes: fn(&IdleMemory) -> f64) -> Option<f64> {
    let count = holdings.len() as f64;
    let mean = |of: &dyn Fn(&IdleMemory) -> f64| holdings.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|it| it.connections as f64), mean(&bytes));
    let covariance = mean(&|it| (it.connections as f64 - x) * (bytes(it) - y));
    let variance = mean(&|it| (it.connections as f64 - x).powi(2));
    match holdings {
        [] => None,
        [one] => Some(bytes(one) / one.connections as f64 / KIB),
        _ => Some(covariance / variance / KIB),
    }
}

/// A row a model and a number. Memory is per connection; the rest is what the server has in all.
fn holdings(all: &[Growth]) -> Table {
    let columns =
        ["connections", "served", "user KiB", "kernel KiB", "processes", "threads", "files"];
    let row = |model: &String, it: &IdleMemory| {
        let each = |bytes: f64| short(bytes / it.connections as f64 / KIB);
        let cells = vec![
            it.connections.to_string(),
            it.served.to_string(),
            each(it.user),
            each(it.kernel),
            it.family.processes.to_string(),
            it.family.threads.to_string(),
            it.family.descriptors.to_string(),
        ];
        (model.clone(), cells)
    };
    let rows = all.iter().flat_map(|it| it.holdings.iter().map(|holding| row(&it.model, holding)));
    let (columns, rows) = (columns.map(str::to_owned).into(), rows.collect());
    Table { columns, rows, ..Table::default() }
}

fn burdens(all: &[Ballast]) -> Table {
    let shown = &WITH_BALLAST[..2];
    let row = |it: &Ballast| {
        let cells = shown.iter().map(|figure| cell(&it.samples, figure));
        (it.ballast_mib.to_string(), cells.collect())
    };
    Table {
        caption: "What a connection costs a forking server that holds memory itself".to_owned(),
        corner: "ballast, MiB",
        columns: shown.iter().map(|figure| figure.label.to_owned()).collect(),
        rows: all.iter().map(row).collect(),
        ..Table::default()
    }
}

/// What fork pays for its memory.
fn sentence_on_ballast(ballast: &[Ballast]) -> Option<String> {
    let [first, .., last] = ballast else { return None };
    let cpu = |it: &Ballast| time(it.samples.get(WITH_BALLAST[1].name).median());
    Some(format!(
        "A connection costs fork {} of CPU with {} MiB of ballast and {} with {} MiB: a fork copies \
         the page tables of all that its parent has touched.",
        cpu(first),
        first.ballast_mib,
        cpu(last),
        last.ballast_mib
    ))
}

impl Growth {
    /// What was measured with each number of connections, and what each further one holds.
    fn add_to(&self, rows: &mut Vec<Row>) {
        for it in &self.holdings {
            let place = Place::of(&self.model).with("idle_clients", it.connections);
            for (figure, unit, value) in [
                ("served clients", "", it.served as f64),
                ("user memory", "bytes", it.user),
                ("kernel memory", "bytes", it.kernel),
                ("processes", "", it.family.processes as f64),
                ("threads", "", it.family.threads as f64),
                ("descriptors", "", it.family.descriptors as f64),
            ] {
                results::add_one(rows, &place, figure, unit, value);
            }
        }
        let server = Place::of(&self.model);
        let [user, kernel] = [self.user_kib_per_connection, self.kernel_kib_per_connection];
        results::add_one(rows, &server, "user memory per further connection", "KiB", user);
        results::add_one(rows, &server, "kernel memory per further connection", "KiB", kernel);
    }

    /// What each further connection holds.
    fn sentence(&self) -> String {
        let all_served = self.holdings.iter().all(|it| it.served == it.connections);
        let waiting = match all_served {
            true => "",
            false => "; most of them wait to be served, and are little more than a socket",
        };
        let failed = match &self.failed_at {
            Some((count, reason)) => format!("; {count} could not be held ({reason})"),
            None => String::new(),
        };
        format!(
            "{}: each further connection holds {} KiB in user space and {} KiB in the kernel\
             {waiting}{failed}.",
            self.model,
            short_or_nothing(self.user_kib_per_connection),
            short_or_nothing(self.kernel_kib_per_connection),
        )
    }
}

/// Reads a size such as `256MiB`, in MiB.
fn parse_mib(text: &str) -> Result<u64, String> {
    match text.strip_suffix("MiB").unwrap_or(text).parse() {
        Ok(mib) if mib <= 65_536 => Ok(mib),
        _ => Err("expected a size such as 256MiB, up to 65536MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(connections: usize, user: f64) -> IdleMemory {
        let served = connections;
        IdleMemory { connections, served, user, ..IdleMemory::default() }
    }

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        let line = |count: usize| holding(count, 5000.0 + 3.0 * KIB * count as f64);
        let fitted = slope(&[line(100), line(1000), line(10_000)], |it| it.user);
        assert!(fitted.is_some_and(|slope| (slope - 3.0).abs() < 1e-9), "{fitted:?}");
        assert_eq!(slope(&[holding(10, 20.0 * KIB)], |it| it.user), Some(2.0));
        assert_eq!(slope(&[], |it| it.user), None);
    }
}
