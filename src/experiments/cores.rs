//! The same load on servers that may use more and more processors.
//!
//! A thread is on one processor at a time, so what a server can use is what it has threads or processes for. For an
//! echo this matters little: most of the time goes into the kernel, on both sides. Where each message is computed
//! for, it decides.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Load};
use server_core::AtOnce;

use super::{Experiment, from_few_to_many, results_of};
use crate::kernel::machine::cores;
use crate::measure::cost::{ANSWERED, CLIENT, CPU_PER_MESSAGE, MESSAGES};
use crate::measure::lab::{Lab, Window};
use crate::models::Contestant;
use crate::results::number::{listed, short};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table};
use crate::results::{Place, Results, View};
use crate::servers::floor::MESSAGE_SIZE;

/// The experiment.
#[derive(clap::Args, Debug, Default)]
pub struct Cores {
    /// How many processors the server may use, from few to many [default: 1,2,4,... as many as there are]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    cpus: Vec<usize>,
}

/// How many clients there are, each with a connection that stays.
const CLIENTS: usize = 32;

/// How long a message is computed for, where it is.
const COMPUTING_FOR: Duration = Duration::from_micros(100);

/// The axes of the experiment.
const CPUS: &str = "cpus";
const KIND: &str = "work";

/// What a server does for a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Echo,
    Computing,
}

impl Experiment for Cores {
    fn name(&self) -> &'static str {
        "cores"
    }

    fn title(&self) -> &'static str {
        "On more and more processors"
    }

    fn quick() -> &'static str {
        "1 round of 120 ms instead of 4 of 250 ms"
    }

    fn needs(&self) -> Option<&'static str> {
        Some("--compute")
    }

    fn connections(&self, _: &Lab) -> usize {
        CLIENTS
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let (rounds, window) = plan(lab);
        let measurements = rounds * Work::ALL.len() * self.cpus(lab).len() * lab.contestants.len();
        measurements as f64 * window.seconds()
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let (cpus, (rounds, window)) = (self.cpus(lab), plan(lab));
        for wanted in &cpus {
            let there = cores();
            ensure!(*wanted <= there, "--cpus {wanted}: this process may use {there} processors");
        }
        let mut results = results_of(self, &lab.contestants);
        let mut all: Vec<(&Contestant, Work, usize)> = Vec::new();
        for contestant in &lab.contestants {
            for work in Work::ALL {
                all.extend(cpus.iter().map(|cpus| (contestant, work, *cpus)));
            }
        }
        let progress = lab.progress(rounds * all.len());
        lab.in_rounds(rounds, all.len(), |step| {
            let (contestant, work, cpus) = all[step];
            progress.step(format!("{}: {work}, {cpus} processors", contestant.name));
            let lab = Lab { server_cpus: Some(cpus), ..lab.clone() };
            let load = |server, extent: Extent| Load {
                message_size: MESSAGE_SIZE,
                ..Load::strict(server, CLIENTS, extent)
            };
            let cost = lab.measure(&work.given_to(contestant, cpus), window, load)?;
            let place = Place::of(&contestant.name).with(KIND, work.name()).with(CPUS, cpus);
            results.add(&place, &[MESSAGES, CPU_PER_MESSAGE, ANSWERED, CLIENT], &cost);
            Ok(())
        })?;
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let mut section = Section { method: method(results), ..Section::default() };
        for work in Work::ALL {
            let view = results.view().at(KIND, work.name());
            section.pictures.extend(plot(&view, work));
            section.tables.push(table(&view, work));
            section.sentences.extend(who_scales(&view, work));
        }
        section
    }
}

impl Cores {
    /// How many processors the server gets: 1, 2, 4 and so on, and all that there are.
    fn cpus(&self, lab: &Lab) -> Vec<usize> {
        let doubled = (0..usize::BITS).map(|power| 1 << power).take_while(|cpus| *cpus < cores());
        let usual: Vec<usize> = doubled.chain([cores()]).collect();
        from_few_to_many(&self.cpus, lab, &usual, &usual)
    }
}

/// How often and for how long.
fn plan(lab: &Lab) -> (usize, Window) {
    match lab.quick {
        false => (4, Window::milliseconds(50, 250)),
        true => (1, Window::milliseconds(20, 120)),
    }
}

impl Work {
    const ALL: [Work; 2] = [Work::Echo, Work::Computing];

    fn name(self) -> &'static str {
        match self {
            Work::Echo => "echo",
            Work::Computing => "computing",
        }
    }

    /// The contestant with this work, and with threads or processes for so many processors. Whose workers serve a
    /// client each has one for each client: that is no question of processors.
    fn given_to(self, contestant: &Contestant, cpus: usize) -> Contestant {
        let has_loops = contestant.model.at_once == AtOnce::All;
        let contestant = contestant.clone().with_workers(CLIENTS);
        let contestant = match has_loops && contestant.model.properties.workers.is_some() {
            true => contestant.with("--workers", cpus),
            false => contestant,
        };
        match self {
            Work::Echo => contestant,
            Work::Computing => {
                contestant.with("--compute", humantime::format_duration(COMPUTING_FOR))
            }
        }
    }

    /// How many messages a second so many processors can compute for.
    fn limit(self, cpus: f64) -> Option<f64> {
        (self == Work::Computing).then(|| cpus / COMPUTING_FOR.as_secs_f64())
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Echo => f.write_str("an echo"),
            Work::Computing => {
                write!(f, "{} µs of computing", COMPUTING_FOR.as_micros())
            }
        }
    }
}

/// A line a server, and beside them what processors can compute.
fn plot(view: &View<'_>, work: Work) -> Option<Picture> {
    let mut lines = view.lines(CPUS, |x, view| Point::of(x, view.sample(MESSAGES.name), 1.0));
    let cpus = view.values(CPUS).into_iter();
    let limits = cpus.filter_map(|cpus| Point::exact(cpus.number(), work.limit(cpus.number())));
    let limits: Vec<Point> = limits.collect();
    if !limits.is_empty() {
        lines.push(Line::beside("limit", limits));
    }
    let title = format!("Messages per second, {work} for each");
    picture(&Axes { title: &title, x: "processors", y: "per second", even: false }, &lines)
}

/// A row a server, a column a number of processors.
fn table(view: &View<'_>, work: Work) -> Table {
    let cpus = view.values(CPUS);
    let column = |cpus| Column::figure(format!("{cpus}"), &MESSAGES, 1.0).at(CPUS, cpus);
    let gain = Column::new("gain", |view| {
        gain(view).map_or_else(String::new, |(_, gain)| format!("{gain:.2}"))
    });
    let columns: Vec<Column<'_>> = cpus.iter().copied().map(column).chain([gain]).collect();
    let caption = format!("Messages per second, {work} for each, by the server's processors");
    let mut table = Table { corner: "processors", ..Table::of(caption, view.servers(), &columns) };
    let limits = cpus.iter().filter_map(|cpus| work.limit(cpus.number())).map(short);
    let limits: Vec<String> = limits.collect();
    if !limits.is_empty() {
        let row = limits.into_iter().chain([String::new()]).collect();
        table.rows.push(("the limit".to_owned(), row));
    }
    table
}

/// How many processors the most are, and how many times as much a server does with them as with the fewest.
fn gain(view: &View<'_>) -> Option<(f64, f64)> {
    let points = view.along(CPUS).into_iter();
    let rates =
        points.filter_map(|(cpus, view)| Some((cpus.number(), view.median(MESSAGES.name)?)));
    let rates: Vec<(f64, f64)> = rates.collect();
    let [(few, slow), .., (many, fast)] = *rates else { return None };
    (slow > 0.0).then(|| (many / few, fast / slow))
}

/// From which part of the processors that were added on a server is said to use them.
const USES: f64 = 0.6;

/// Who uses the processors that were added, and who does not.
fn who_scales(view: &View<'_>, work: Work) -> Option<String> {
    let gains = view.servers().into_iter();
    let gains: Vec<(&str, (f64, f64))> =
        gains.filter_map(|(name, view)| Some((name, gain(&view)?))).collect();
    let (times, _) = gains.first()?.1;
    let uses = |gain: f64| gain > 1.0 + USES * (times - 1.0);
    let of = |wanted: bool| {
        let its = gains.iter().filter(|(_, (_, gain))| uses(*gain) == wanted);
        its.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    let start =
        format!("With {} times as many processors and {work} for each message", short(times));
    Some(match (of(true).as_slice(), of(false).as_slice()) {
        ([], _) => format!("{start}, nobody does much more."),
        (users, []) => format!("{start}, all do much more: {}.", listed(users)),
        (users, others) => {
            format!(
                "{start}, much more is done by {}, and not by {}.",
                listed(users),
                listed(others)
            )
        }
    })
}

fn method(results: &Results) -> String {
    let there = cores();
    let rounds = results.view().rounds(MESSAGES.name);
    let larger = match there {
        ..=3 => {
            " The load uses a part of the same processors, and more of it where the server does more: on a \
             machine with more of them, the numbers for 2 would be higher, and there would be some for 4."
        }
        _ => {
            " The load may use all processors: those that the server may not use are its alone, the others they \
             share."
        }
    };
    format!(
        "{CLIENTS} connections that stay, in a closed loop. The server's threads are kept to so many processors of \
         the {there} that there are (sched_setaffinity). Who serves with loops or tasks has as many threads as \
         processors, who serves a client with each worker has {CLIENTS}. The limit is what the processors can \
         compute. The gain is the last column over the first. Medians of {rounds} interleaved rounds ± half \
         their range.{larger}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Server;

    fn results(rates: &[(&str, usize, f64)]) -> Results {
        let mut results = Results::default();
        for (name, cpus, rate) in rates {
            if results.servers.iter().all(|it| it.name != *name) {
                results.servers.push(Server { name: (*name).to_owned(), colour: String::new() });
            }
            let place = Place::of(name).with(KIND, Work::Computing.name()).with(CPUS, *cpus);
            results.add_once(&place, MESSAGES.name, "per second", *rate);
        }
        results
    }

    fn said(rates: &[(&str, usize, f64)]) -> Option<String> {
        who_scales(&results(rates).view(), Work::Computing)
    }

    #[test]
    fn who_does_more_with_more_processors_is_told_from_who_does_not() {
        let both =
            [("thread", 1, 100.0), ("thread", 4, 330.0), ("event", 1, 120.0), ("event", 4, 130.0)];
        let text = said(&both).unwrap();
        assert!(text.starts_with("With 4 times as many processors and 100 µs of computing"));
        assert!(text.ends_with("much more is done by thread, and not by event."), "{text}");
        assert!(said(&both[..2]).unwrap().ends_with("all do much more: thread."));
        assert!(said(&both[2..]).unwrap().ends_with("nobody does much more."));
        assert_eq!(said(&both[..1]), None, "on one processor there is nothing to compare");
    }

    #[test]
    fn what_processors_can_compute_is_the_limit_of_computing_alone() {
        assert_eq!(Work::Computing.limit(2.0), Some(20_000.0));
        assert_eq!(Work::Echo.limit(2.0), None);
    }
}
