//! What idle connections hold as they grow in number, and what memory costs a fork.

use anyhow::anyhow;
use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Load};
use server_core::Unit;
use server_process::family::huge_pages;

use super::{Experiment, from_few_to_many, results_of};
use crate::measure::cost::{CLIENT, CONNECTIONS, CPU_PER_CONNECTION};
use crate::measure::idle_memory::{self, IdleMemory};
use crate::measure::lab::{Lab, Progress, Window};
use crate::models::Contestant;
use crate::results::number::{NOTHING, short, short_or_nothing, time};
use crate::results::plot::{Axes, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table};
use crate::results::{Coordinate, Figure, Place, Results, SERVER, View, figure};
use crate::servers::ballast;

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * KIB;

/// The experiment.
#[derive(clap::Args, Debug, Default)]
pub struct Memory {
    /// How many idle connections, from few to many [default: 100,1000,10000]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    connections: Vec<usize>,

    /// The stack of each thread, in bytes, in models that have threads for their clients
    #[arg(long, value_name = "BYTES",
        value_parser = RangedU64ValueParser::<u64>::new().range(16_384..=1 << 30))]
    stack_size: Option<u64>,

    /// How much memory a forking server has allocated before it forks, from little to much [default: 0MiB,64MiB,256MiB]
    #[arg(long, value_name = "SIZE,SIZE", value_delimiter = ',', value_parser = parse_mib)]
    ballast: Vec<usize>,
}

/// The axes of the experiment: how many connections are idle, and the memory of a forking server.
const IDLE_CLIENTS: &str = "idle_clients";
const BALLAST: &str = "ballast_mib";

const SERVED: Figure<IdleMemory> = figure("served clients", "", |it| Some(it.served as f64));
const USER: Figure<IdleMemory> = figure("user memory", "bytes", |it| Some(it.user));
const KERNEL: Figure<IdleMemory> = figure("kernel memory", "bytes", |it| Some(it.kernel));
const PROCESSES: Figure<IdleMemory> =
    figure("processes", "", |it| Some(it.family.processes as f64));
const THREADS: Figure<IdleMemory> = figure("threads", "", |it| Some(it.family.threads as f64));
const FILES: Figure<IdleMemory> =
    figure("descriptors", "", |it| Some(it.family.descriptors as f64));

/// What of a ballast is in huge pages.
const HUGE_PAGES: &str = "huge pages";

/// What each further connection holds: the slope of the line that fits.
const USER_EACH: &str = "user memory per further connection";
const KERNEL_EACH: &str = "kernel memory per further connection";

impl Experiment for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn title(&self) -> &'static str {
        "What idle connections hold"
    }

    fn quick() -> &'static str {
        "100 and 1,000 connections, and one round with ballast"
    }

    fn takes_foreign() -> bool {
        true
    }

    fn connections(&self, lab: &Lab) -> usize {
        self.counts(lab).into_iter().min().unwrap_or_default()
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let hold = |contestant: &Contestant, count: usize| match count <= contestant.room() {
            true => 0.15 + 160e-6 * count as f64,
            false => 0.0,
        };
        let counts = self.counts(lab);
        let held =
            lab.contestants.iter().flat_map(|it| counts.iter().map(|count| hold(it, *count)));
        let ballasts = fork_of(lab).map_or(0, |_| self.ballasts(lab).len() * rounds(lab));
        held.sum::<f64>() + ballasts as f64 * 0.5
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let (counts, fork) = (self.counts(lab), fork_of(lab));
        let ballasts = fork.map_or(Vec::new(), |_| self.ballasts(lab));
        let mut results = results_of(self, &lab.contestants);
        let steps = lab.contestants.len() * counts.len() + ballasts.len() * rounds(lab);
        let progress = lab.progress(steps);
        for contestant in &lab.contestants {
            let has_stacks = contestant.model.properties.stack_size.is_some();
            let contestant = match self.stack_size.filter(|_| has_stacks) {
                Some(size) => contestant.clone().with("--stack-size", size),
                None => contestant.clone(),
            };
            grow(&mut results, lab, &contestant, &counts, &progress);
        }
        if let Some(fork) = fork {
            burden(&mut results, lab, fork, &ballasts, &progress)?;
        }
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let held = results.view();
        let burdens = held.along(BALLAST);
        let growth = held.servers().into_iter().filter_map(|(name, view)| sentence(name, &view));
        let (tables, of_ballast) = match burdens.is_empty() {
            true => (vec![holdings(&held)], ""),
            false => (vec![holdings(&held), table_of_ballast(&burdens)], METHOD_OF_BALLAST),
        };
        Section {
            sentences: growth.chain(sentence_on_ballast(&burdens)).collect(),
            pictures: plot(&held).into_iter().collect(),
            tables,
            method: METHOD.to_owned() + of_ballast,
            ..Section::default()
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

impl Memory {
    fn counts(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(&self.connections, lab, &[100, 1000, 10_000], &[100, 1000])
    }

    fn ballasts(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(&self.ballast, lab, &[0, 64, 256], &[0, 64, 256])
    }
}

/// How often the ballast is measured.
fn rounds(lab: &Lab) -> usize {
    if lab.quick { 1 } else { 4 }
}

/// The server that forks for each connection, if it takes part.
fn fork_of(lab: &Lab) -> Option<&Contestant> {
    lab.contestants
        .iter()
        .find(|it| it.model.unit == Unit::Process && it.model.makes_a_unit_for_each() && !it.bare)
}

/// Measures a model with each number of idle connections, up to the first that the model or the
/// machine cannot hold.
fn grow(
    results: &mut Results,
    lab: &Lab,
    contestant: &Contestant,
    counts: &[usize],
    progress: &Progress,
) {
    let server = Place::of(&contestant.name);
    let mut held = Vec::new();
    for count in counts {
        let what = format!("{count} idle connections");
        progress.step(format!("{}: {what}", contestant.name));
        let holding = match lab.limits.lack(contestant, *count) {
            Some(lack) => Err(anyhow!(lack)),
            None => idle_memory::measure(lab, contestant, *count),
        };
        match holding {
            Ok(holding) => {
                let place = server.clone().with(IDLE_CLIENTS, *count);
                results.add(&place, &[SERVED, USER, KERNEL, PROCESSES, THREADS, FILES], &holding);
                held.push(holding);
            }
            Err(error) => {
                lab.fail(contestant, &what, format!("{error:#}"));
                break;
            }
        }
    }
    results.add_once(&server, USER_EACH, "KiB", slope(&held, |it| it.user));
    results.add_once(&server, KERNEL_EACH, "KiB", slope(&held, |it| it.kernel));
}

/// Measures what a connection costs a forking server with each of these ballasts, 32 clients at a time.
fn burden(
    results: &mut Results,
    lab: &Lab,
    fork: &Contestant,
    ballasts: &[usize],
    progress: &Progress,
) -> anyhow::Result<()> {
    let burdened = |mib: usize| fork.clone().with(ballast::OPTION, mib);
    for mib in ballasts {
        let server = lab.start(&burdened(*mib))?;
        let huge = huge_pages(server.process()).ok();
        lab.stop(fork, server)?;
        let place = Place::of(&fork.name).with(BALLAST, *mib);
        results.add_once(&place, HUGE_PAGES, "bytes", huge);
    }
    lab.in_rounds(rounds(lab), ballasts.len(), |index| {
        let mib = ballasts[index];
        progress.step(format!("{}: {mib} MiB of ballast", fork.name));
        let load = |server, extent: Extent| Load {
            messages_per_connection: Some(1),
            ..Load::strict(server, 32, extent)
        };
        let cost = lab.measure(&burdened(mib), Window::milliseconds(50, 225), load)?;
        let place = Place::of(&fork.name).with(BALLAST, mib);
        results.add(&place, &[CONNECTIONS, CPU_PER_CONNECTION, CLIENT], &cost);
        Ok(())
    })
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

/// How many connections were held.
fn connections(view: &View<'_>) -> f64 {
    view.value(IDLE_CLIENTS).map_or(0.0, |count| count.number())
}

/// Memory of servers that serve all: what waits to be served is little more than a socket, and most of that is
/// noise.
fn plot(held: &View<'_>) -> Option<Picture> {
    let lines = held.lines(IDLE_CLIENTS, |x, view| {
        let all_served = view.median(SERVED.name)? == x;
        let memory = view.median(USER.name)? + view.median(KERNEL.name)?;
        Point::exact(x, all_served.then_some(memory / MIB))
    });
    let title = "Memory of servers that serve all their clients, user and kernel, MiB";
    picture(&Axes { title, x: "idle connections", y: "MiB", even: false }, &lines)
}

/// A row a model and a number. Memory is per connection; the rest is what the server has in all.
fn holdings(held: &View<'_>) -> Table {
    let each = |heading, figure: Figure<IdleMemory>| {
        Column::new(heading, move |view| {
            let each = view.median(figure.name).map(|bytes| bytes / connections(view) / KIB);
            short_or_nothing(each)
        })
    };
    let columns = [
        Column::new("connections", |view| {
            view.value(IDLE_CLIENTS).map_or(NOTHING.to_owned(), ToString::to_string)
        }),
        Column::count("served", &SERVED),
        each("user KiB", USER),
        each("kernel KiB", KERNEL),
        Column::count("processes", &PROCESSES),
        Column::count("threads", &THREADS),
        Column::count("files", &FILES),
    ];
    Table::of("", held.servers_along(IDLE_CLIENTS), &columns)
}

/// The ballasts, and what was measured with each.
type Burdens<'b> = [(&'b Coordinate, View<'b>)];

fn table_of_ballast(burdens: &Burdens<'_>) -> Table {
    let columns = [
        Column::figure("connections/s", &CONNECTIONS, 1.0),
        Column::figure("server CPU, µs", &CPU_PER_CONNECTION, 1.0),
    ];
    let caption = "What a connection costs a forking server that holds memory itself";
    Table { corner: "ballast, MiB", ..Table::of(caption, burdens.iter().cloned(), &columns) }
}

/// What fork pays for its memory.
fn sentence_on_ballast(burdens: &Burdens<'_>) -> Option<String> {
    let [(little, first), .., (much, last)] = burdens else { return None };
    let cpu = |view: &View<'_>| view.median(CPU_PER_CONNECTION.name).map(time);
    let pages = match last.median(HUGE_PAGES) {
        Some(huge) if huge > much.number() * MIB / 2.0 => {
            " The ballast is in huge pages here (transparent_hugepage), of 2 MiB an entry: in pages of 4 KiB it \
             would cost far more."
        }
        Some(_) => {
            " The ballast is in pages of 4 KiB here; where transparent_hugepage is `always` it costs far less."
        }
        None => "",
    };
    Some(format!(
        "A connection costs {} {} of CPU with {little} MiB of ballast and {} with {much} MiB: a fork copies \
         the page tables of all that its parent has touched.{pages}",
        first.value(SERVER)?,
        cpu(first)?,
        cpu(last)?,
    ))
}

/// What each further connection holds.
fn sentence(name: &str, server: &View<'_>) -> Option<String> {
    let (user, kernel) = (server.median(USER_EACH)?, server.median(KERNEL_EACH)?);
    let all_served =
        |(_, view): (_, View<'_>)| view.median(SERVED.name) == Some(connections(&view));
    let waiting = match server.along(IDLE_CLIENTS).into_iter().all(all_served) {
        true => "",
        false => "; most of them wait to be served, and are little more than a socket",
    };
    let (user, kernel) = (short(user), short(kernel));
    Some(format!(
        "{name}: each further connection holds {user} KiB in user space and {kernel} KiB in the \
         kernel{waiting}."
    ))
}

/// Reads a size such as `256MiB`, in MiB.
fn parse_mib(text: &str) -> Result<usize, String> {
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

    /// What is said of a fork with this much of 512 MiB of ballast in huge pages.
    fn said_of(huge: Option<f64>) -> String {
        let mut results = Results::default();
        for (ballast, cpu) in [(0_usize, 100.0), (512, 900.0)] {
            let place = Place::of("fork").with(BALLAST, ballast);
            results.add_once(&place, CPU_PER_CONNECTION.name, "µs", cpu);
            results.add_once(&place, HUGE_PAGES, "bytes", huge);
        }
        sentence_on_ballast(&results.view().along(BALLAST)).unwrap()
    }

    #[test]
    fn in_which_pages_the_ballast_is_is_said_where_it_is_known() {
        assert!(said_of(Some(500.0 * MIB)).contains("is in huge pages here"));
        assert!(said_of(Some(2.0 * MIB)).contains("is in pages of 4 KiB here"));
        assert!(!said_of(None).contains("pages of"), "{}", said_of(None));
    }
}
