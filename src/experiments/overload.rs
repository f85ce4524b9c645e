//! More work than a model can do: an open loop past what it serves.
//!
//! Each message takes the server some work, in which it waits and computes nothing. So
//! what a model can serve is how many it serves at a time, and not how fast this machine is: with
//! 20 ms of work, one at a time is 50 a second, and 8 workers are 400.

use std::time::Duration;

use client::failure::FailureKind::TimedOut;
use client::load::{Load, OnFailure, Outcome, Pace, quantile_with};
use server_core::{AtOnce, Ending, Unit, parse_positive_duration};

use super::{Experiment, Part, from_few_to_many};
use crate::measure::lab::{Lab, Window};
use crate::models::Contestant;
use crate::results::number::{NOTHING, short};
use crate::results::plot::{Axes, INK_COLOUR, Line, Point, picture};
use crate::results::section::{Picture, Section, Table};
use crate::results::{self, Place, Row};

/// The work on each message.
const WORK: Duration = Duration::from_millis(20);

/// After how long a client gives up.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many clients may be on their way at a time: those that wait, and those that are served.
const MOST_CLIENTS: usize = 1000;

/// With fewer there would be no overload.
const FEWEST_CLIENTS: usize = 100;

/// The experiment.
pub(super) struct Overload;

/// What it is told.
#[derive(clap::Args)]
pub(super) struct Options {
    /// How many new clients a second, from few to many [default: 25,300,1000]
    #[arg(long, value_name = "R,R", value_delimiter = ',', value_parser = parse_rate)]
    rates: Vec<f64>,

    /// How long each rate lasts [default: 2s]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    duration: Option<Duration>,
}

impl Options {
    fn rates(&self, lab: &Lab) -> Vec<f64> {
        from_few_to_many(match (self.rates.as_slice(), lab.quick) {
            ([], false) => vec![25.0, 300.0, 1000.0],
            ([], true) => vec![1000.0],
            (rates, _) => rates.to_vec(),
        })
    }

    fn duration(&self, lab: &Lab) -> Duration {
        // Longer than anybody's patience, also in a hurry.
        let usual = Duration::from_millis(if lab.quick { 1200 } else { 2000 });
        self.duration.unwrap_or(usual)
    }
}

/// One server over all rates.
pub(super) struct Curve {
    name: String,
    colour: u32,
    /// From low rates to high ones.
    points: Vec<Measured>,
}

/// What came of one rate.
struct Measured {
    /// How many clients could be on their way at a time.
    most_clients: usize,
    /// How many clients were due a second.
    due_per_second: f64,
    /// How many were answered a second.
    answered_per_second: f64,
    /// The median latency, from when a client was due. Whoever gave up counts as waiting for the
    /// whole patience, which the latency then is at least. Nothing where too few came to their end.
    p50_milliseconds: Option<f64>,
    /// The latency that one of them in a hundred exceeds.
    p99_milliseconds: Option<f64>,
    /// How many gave up, in percent of those that were due.
    timed_out_percent: f64,
    /// How many were still waiting when the time was up.
    waiting_percent: f64,
    /// How many failed otherwise, or were not sent since all clients were on their way.
    failed_percent: f64,
    /// What the load itself used of one CPU, in percent.
    client_cpu_percent: f64,
}

impl Experiment for Overload {
    const NAME: &'static str = "overload";
    const TITLE: &'static str = "More than a model can serve";
    const ABOUT: &'static str = "Sends more new clients each second than a model can serve";
    const TAKES_FOREIGN: bool = true;
    const QUICK: &'static str = "1,000 clients a second for 1.2 s";
    const PARTS: &'static [Part] = &[Part {
        name: Self::NAME,
        title: Self::TITLE,
        arguments: &["--duration", "2500ms"],
        quick_arguments: &[],
    }];
    type Options = Options;
    type Figures = Vec<Curve>;

    fn connections(_: &Lab, _: &Options) -> usize {
        FEWEST_CLIENTS
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let variants = lab.contestants.iter().flat_map(variants).count();
        let each = options.duration(lab).as_secs_f64() + 0.22;
        (variants * options.rates(lab).len()) as f64 * each
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Vec<Curve>> {
        let (rates, duration) = (options.rates(lab), options.duration(lab));
        // Clients that give up are the point, and each would be a warning.
        let lab = Lab { warns: false, ..lab.clone() };
        let variants: Vec<Contestant> = lab.contestants.iter().flat_map(variants).collect();
        let new = |it: &Contestant| {
            let (name, points) = (it.name.clone(), Vec::new());
            Curve { name, colour: it.colour, points }
        };
        let mut curves: Vec<Curve> = variants.iter().map(new).collect();
        let room = lab.contestants.iter().map(|it| lab.limits.room_for(it)).min();
        let most_clients = room.unwrap_or_default().min(MOST_CLIENTS);
        let progress = lab.progress(variants.len() * rates.len());
        for rate in rates {
            for (variant, curve) in variants.iter().zip(&mut curves) {
                progress.step(format!("{}: {rate} a second", variant.name));
                let measure = || measure(&lab, variant, rate, duration, most_clients);
                curve.points.extend(lab.attempt(variant, "overload", measure)?);
            }
        }
        Ok(curves)
    }

    fn rows(curves: &Vec<Curve>) -> Vec<Row> {
        let mut rows = Vec::new();
        for curve in curves {
            curve.points.iter().for_each(|it| it.add_to(&mut rows, &curve.name));
        }
        rows
    }

    fn show(curves: &Vec<Curve>) -> Section {
        let answered = "Clients answered a second";
        let latency = "Median latency, ms, of those who were answered or gave up after 1,000";
        Section {
            sentences: curves.iter().map(behind).collect(),
            pictures: [
                plot(
                    curves,
                    answered,
                    "answered a second",
                    |it| Some(it.answered_per_second),
                    true,
                ),
                plot(curves, latency, "ms", |it| it.p50_milliseconds, false),
            ]
            .into_iter()
            .flatten()
            .collect(),
            tables: vec![table(curves)],
            method: method(curves),
        }
    }
}

/// A server, and beside it what limits make of it where it has a queue or a thread for each client.
fn variants(contestant: &Contestant) -> Vec<Contestant> {
    let name = &contestant.name;
    let with = |what: &str| contestant.clone().named(format!("{name}{what}"));
    let has_queue = contestant.model.properties.max_connections.is_some();
    match (contestant.model.at_once, contestant.model.unit) {
        (AtOnce::Workers, _) if has_queue => vec![
            with(" of 8").with_workers(8),
            with(", at most 12").with_workers(8).with("--max-connections", 12),
        ],
        (AtOnce::Workers, _) => vec![with(" of 8").with_workers(8)],
        (AtOnce::All, Unit::Thread) => {
            vec![contestant.clone(), with(", at most 8").with("--max-connections", 8)]
        }
        _ => vec![contestant.clone()],
    }
}

fn measure(
    lab: &Lab,
    variant: &Contestant,
    rate: f64,
    duration: Duration,
    most_clients: usize,
) -> anyhow::Result<Measured> {
    let work = humantime::format_duration(WORK);
    // The server shall not spend its end on those who gave up.
    let contestant = variant.clone().with("--delay", work).with("--drain-timeout", "100ms");
    let window = Window { warm_up: Duration::ZERO, duration };
    let outcome = lab.put(&contestant, |server| Load {
        messages_per_connection: Some(1),
        pace: Pace::Open { messages_per_second: rate },
        patience: PATIENCE,
        farewell: Ending::EndOfInput,
        on_failure: OnFailure::Count,
        ..Load::strict(server, most_clients, window.extent())
    })?;
    Ok(Measured { most_clients, ..Measured::of(rate, &outcome) })
}

impl Measured {
    fn add_to(&self, rows: &mut Vec<Row>, server: &str) {
        let place = Place::of(server).with("due_per_second", self.due_per_second);
        for (figure, unit, value) in [
            ("answered", "per second", Some(self.answered_per_second)),
            ("latency median", "ms", self.p50_milliseconds),
            ("latency p99", "ms", self.p99_milliseconds),
            ("gave up", "% of due", Some(self.timed_out_percent)),
            ("waiting", "% of due", Some(self.waiting_percent)),
            ("failed", "% of due", Some(self.failed_percent)),
            ("client CPU", "%", Some(self.client_cpu_percent)),
            ("most clients", "", Some(self.most_clients as f64)),
        ] {
            results::add_one(rows, &place, figure, unit, value);
        }
    }

    fn of(rate: f64, outcome: &Outcome) -> Self {
        let due = rate * outcome.elapsed.as_secs_f64();
        let percent = |count: u64| 100.0 * count as f64 / due;
        let gave_up = outcome.failures.count(TimedOut);
        let quantile = |at| {
            let latency = quantile_with(&outcome.message_latency, gave_up, PATIENCE, at);
            latency.map(|it| it.as_secs_f64() * 1e3)
        };
        Measured {
            most_clients: MOST_CLIENTS,
            due_per_second: rate,
            answered_per_second: outcome.messages_per_second(),
            p50_milliseconds: quantile(0.5),
            p99_milliseconds: quantile(0.99),
            timed_out_percent: percent(gave_up),
            waiting_percent: percent(outcome.in_flight),
            failed_percent: percent(outcome.failures.total() - gave_up + outcome.unsent),
            client_cpu_percent: outcome.client_share() * 100.0,
        }
    }
}

fn plot(
    curves: &[Curve],
    title: &str,
    unit: &str,
    of: fn(&Measured) -> Option<f64>,
    with_diagonal: bool,
) -> Option<Picture> {
    let diagonal = with_diagonal.then(|| diagonal(curves));
    let curves = curves.iter().map(|it| (it.name.as_str(), it.colour, it.points.as_slice()));
    let mut lines = Line::all(curves, |it: &Measured| Point::exact(it.due_per_second, of(it)));
    lines.extend(diagonal);
    picture(&Axes { title, x: "new clients a second", y: unit, even: false }, &lines)
}

/// Where a server would be that answers all that come.
fn diagonal(curves: &[Curve]) -> Line {
    let rates = curves.first().map_or(&[][..], |curve| &curve.points);
    let rates = rates.iter().map(|it| it.due_per_second);
    let points = rates.filter_map(|rate| Point::exact(rate, Some(rate))).collect();
    Line { name: "all who come".to_owned(), colour: INK_COLOUR, number: 1, points }
}

/// A row a server and a rate.
fn table(curves: &[Curve]) -> Table {
    let columns = ["due/s", "answered/s", "p50, ms", "p99, ms", "gave up", "waiting", "failed"];
    let row = |curve: &Curve, it: &Measured| {
        let percent = |share: f64| format!("{share:.0}%");
        let cells = vec![
            short(it.due_per_second),
            short(it.answered_per_second),
            latency(it.p50_milliseconds),
            latency(it.p99_milliseconds),
            percent(it.timed_out_percent),
            percent(it.waiting_percent),
            percent(it.failed_percent),
        ];
        (curve.name.clone(), cells)
    };
    let rows = curves.iter().flat_map(|curve| curve.points.iter().map(move |it| row(curve, it)));
    let (columns, rows) = (columns.map(str::to_owned).into(), rows.collect());
    Table { columns, rows, ..Table::default() }
}

/// Whether a latency in milliseconds is that of clients who gave up.
fn is_at_least(latency: f64) -> bool {
    latency >= PATIENCE.as_secs_f64() * 1e3
}

/// A latency in milliseconds. From the patience on it is that of clients who gave up, and no more
/// is known than that they would have waited longer.
fn latency(milliseconds: Option<f64>) -> String {
    match milliseconds {
        None => NOTHING.to_owned(),
        Some(latency) if is_at_least(latency) => format!(">{}", short(latency)),
        Some(latency) => short(latency),
    }
}

/// From which rate on a server falls behind.
fn behind(curve: &Curve) -> String {
    let behind = curve.points.iter().find(|it| it.answered_per_second < 0.9 * it.due_per_second);
    let Some(it) = behind else {
        return format!("{} kept up with every rate.", curve.name);
    };
    let patience = humantime::format_duration(PATIENCE);
    let half = match it.p50_milliseconds {
        None => "too few were answered or gave up to say how long they waited".to_owned(),
        Some(latency) if is_at_least(latency) => {
            format!("more than half of its clients gave up after {patience}")
        }
        Some(latency) => {
            format!("half of those who were answered or gave up waited {} ms", short(latency))
        }
    };
    format!(
        "{} fell behind at {} a second: it answered {}, and {half}.",
        curve.name,
        short(it.due_per_second),
        short(it.answered_per_second),
    )
}

fn method(curves: &[Curve]) -> String {
    let points = curves.iter().flat_map(|curve| &curve.points);
    let most_clients = points.map(|it| it.most_clients).min().unwrap_or(MOST_CLIENTS);
    let (work, patience) = (humantime::format_duration(WORK), humantime::format_duration(PATIENCE));
    format!(
        "Open loop: each client connects when it is due, sends one message, which takes the server \
         {work} of waiting, and gives up after {patience}. Latency counts from when it was due, for \
         those who were answered and those who gave up, who count as waiting for longer than that. \
         Waiting are those for whom the time was up first; failed are resets, and clients beyond \
         {most_clients} at a time. Measured once."
    )
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1.0..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected clients per second, from 1 to 100000".to_owned()),
    }
}
