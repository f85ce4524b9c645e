//! More work than a model can do: an open loop past what it serves.
//!
//! Each message takes the server some work, in which it waits and computes nothing. So
//! what a model can serve is how many it serves at a time, and not how fast this machine is: with
//! 20 ms of work, one at a time is 50 a second, and 8 workers are 400.

use std::time::Duration;

use client::failure::FailureKind::TimedOut;
use client::load::{Load, OnFailure, Outcome, Pace, quantile_with};
use server_core::{AtOnce, Ending, Unit, parse_positive_duration};

use super::{Experiment, from_few_to_many, results_of};
use crate::measure::lab::{Lab, Window};
use crate::models::Contestant;
use crate::results::number::{NOTHING, short, short_or_nothing};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table};
use crate::results::{Figure, PER_SECOND, Place, Results, View, figure};

/// The work on each message.
const WORK: Duration = Duration::from_millis(20);

/// After how long a client gives up.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many clients may be on their way at a time: those that wait, and those that are served.
const MOST_CLIENTS: usize = 1000;

/// With fewer there would be no overload.
const FEWEST_CLIENTS: usize = 100;

/// The experiment.
#[derive(clap::Args, Debug, Default)]
pub struct Overload {
    /// How many new clients a second, from few to many [default: 25,300,1000]
    #[arg(long, value_name = "R,R", value_delimiter = ',', value_parser = parse_rate)]
    rates: Vec<f64>,

    /// How long each rate lasts [default: 2s]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    duration: Option<Duration>,
}

/// The axis of the experiment: how many clients were due a second.
const DUE: &str = "due_per_second";

/// What came of one rate.
struct Came {
    outcome: Outcome,
    rate: f64,
    most_clients: usize,
}

const ANSWERED: Figure<Came> =
    figure("answered", PER_SECOND, |it| Some(it.outcome.messages_per_second()));

/// From when a client was due. Who gave up counts as waiting for the whole patience, which the latency then is
/// at least. Nothing where too few came to their end.
const MEDIAN: Figure<Came> = figure("latency median", "ms", |it| it.latency(0.5));
const P99: Figure<Came> = figure("latency p99", "ms", |it| it.latency(0.99));

/// Clients that gave up.
const GAVE_UP: Figure<Came> = figure("gave up", "% of due", |it| it.percent(it.gave_up()));
/// Clients that still waited at the end of the load.
const WAITING: Figure<Came> = figure("waiting", "% of due", |it| it.percent(it.outcome.in_flight));
/// Clients that failed in another way, and those that were never sent because all clients were busy.
const FAILED: Figure<Came> = figure("failed", "% of due", |it| {
    it.percent(it.outcome.failures.total() - it.gave_up() + it.outcome.unsent)
});
const CLIENT: Figure<Came> =
    figure("client CPU", "%", |it| Some(it.outcome.client_share() * 100.0));
const MOST: Figure<Came> = figure("most clients", "", |it| Some(it.most_clients as f64));

impl Experiment for Overload {
    fn name(&self) -> &'static str {
        "overload"
    }

    fn title(&self) -> &'static str {
        "More than a model can serve"
    }

    fn quick() -> &'static str {
        "1,000 clients a second for 1.2 s"
    }

    fn takes_foreign() -> bool {
        true
    }

    fn connections(&self, _: &Lab) -> usize {
        FEWEST_CLIENTS
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let variants = lab.contestants.iter().flat_map(variants).count();
        let each = self.duration(lab).as_secs_f64() + 0.22;
        (variants * self.rates(lab).len()) as f64 * each
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        // Clients that give up are the point, and each would be a warning.
        let lab = Lab { warns: false, ..lab.clone() };
        let variants: Vec<Contestant> = lab.contestants.iter().flat_map(variants).collect();
        let mut results = results_of(self, &variants);
        let room = lab.contestants.iter().map(|it| lab.limits.room_for(it)).min();
        let most_clients = room.unwrap_or_default().min(MOST_CLIENTS);
        let (rates, duration) = (self.rates(&lab), self.duration(&lab));
        let progress = lab.progress(variants.len() * rates.len());
        for rate in rates {
            for variant in &variants {
                let what = format!("{rate} new clients a second");
                progress.step(format!("{}: {what}", variant.name));
                let put = || put(&lab, variant, rate, duration, most_clients);
                if let Some(outcome) = lab.attempt(variant, &what, FEWEST_CLIENTS, put)? {
                    let came = Came { outcome, rate, most_clients };
                    let figures = [ANSWERED, MEDIAN, P99, GAVE_UP, WAITING, FAILED, CLIENT, MOST];
                    results.add(&Place::of(&variant.name).with(DUE, rate), &figures, &came);
                }
            }
        }
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let answered = plot(results, "Clients answered a second", "answered a second", &ANSWERED);
        let title = "Median latency, ms, of those who were answered or gave up after 1,000";
        let latency = plot(results, title, "ms", &MEDIAN);
        let servers = results.view().servers();
        Section {
            sentences: servers.iter().filter_map(|(name, view)| behind(name, view)).collect(),
            pictures: [answered, latency].into_iter().flatten().collect(),
            tables: vec![table(results)],
            method: method(results),
        }
    }
}

impl Overload {
    fn rates(&self, lab: &Lab) -> Vec<f64> {
        from_few_to_many(&self.rates, lab, &[25.0, 300.0, 1000.0], &[1000.0])
    }

    fn duration(&self, lab: &Lab) -> Duration {
        // Longer than anybody's patience, also in a hurry.
        let usual = Duration::from_millis(if lab.quick { 1200 } else { 2000 });
        self.duration.unwrap_or(usual)
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

fn put(
    lab: &Lab,
    variant: &Contestant,
    rate: f64,
    duration: Duration,
    most_clients: usize,
) -> anyhow::Result<Outcome> {
    // The server shall not spend its end on those who gave up.
    let contestant = variant.clone().waiting(WORK).with("--drain-timeout", "100ms");
    let window = Window { warm_up: Duration::ZERO, duration };
    lab.put(&contestant, |server| Load {
        messages_per_connection: Some(1),
        pace: Pace::Open { messages_per_second: rate },
        patience: PATIENCE,
        farewell: Ending::EndOfInput,
        on_failure: OnFailure::Count,
        ..Load::strict(server, most_clients, window.extent())
    })
}

impl Came {
    fn gave_up(&self) -> u64 {
        self.outcome.failures.count(TimedOut)
    }

    fn latency(&self, at: f64) -> Option<f64> {
        let latency = quantile_with(&self.outcome.message_latency, self.gave_up(), PATIENCE, at);
        latency.map(|it| it.as_secs_f64() * 1e3)
    }

    /// A part of those who were due.
    fn percent(&self, count: u64) -> Option<f64> {
        Some(100.0 * count as f64 / (self.rate * self.outcome.elapsed.as_secs_f64()))
    }
}

/// A figure of each server over the rates, and of answers also where all would be answered who come.
fn plot(results: &Results, title: &str, unit: &str, figure: &Figure<Came>) -> Option<Picture> {
    let view = results.view();
    let point = |x, view: &View<'_>| Point::exact(x, view.median(figure.name));
    let mut lines = view.lines(DUE, point);
    if figure.name == ANSWERED.name {
        let rates = view.values(DUE).into_iter().map(|rate| rate.number());
        let all = rates.filter_map(|rate| Point::exact(rate, Some(rate))).collect();
        lines.push(Line::beside("all who come", all));
    }
    picture(&Axes { title, x: "new clients a second", y: unit, even: false }, &lines)
}

/// A row a server and a rate.
fn table(results: &Results) -> Table {
    let share = |heading, figure: Figure<Came>| {
        Column::new(heading, move |view| {
            view.median(figure.name).map_or(NOTHING.to_owned(), |share| format!("{share:.0}%"))
        })
    };
    let late = |heading, figure: Figure<Came>| {
        Column::new(heading, move |view| {
            view.median(figure.name).map_or(NOTHING.to_owned(), latency)
        })
    };
    let columns = [
        Column::new("due/s", |view| short_or_nothing(view.value(DUE).map(|rate| rate.number()))),
        Column::new("answered/s", |view| short_or_nothing(view.median(ANSWERED.name))),
        late("p50, ms", MEDIAN),
        late("p99, ms", P99),
        share("gave up", GAVE_UP),
        share("waiting", WAITING),
        share("failed", FAILED),
    ];
    Table::of("", results.view().servers_along(DUE), &columns)
}

/// Whether a latency in milliseconds is that of clients who gave up.
fn is_at_least(latency: f64) -> bool {
    latency >= PATIENCE.as_secs_f64() * 1e3
}

/// A latency in milliseconds. From the patience on it is that of clients who gave up, and no more
/// is known than that they would have waited longer.
fn latency(milliseconds: f64) -> String {
    let text = short(milliseconds);
    if is_at_least(milliseconds) { format!(">{text}") } else { text }
}

/// From which rate on a server falls behind.
fn behind(name: &str, server: &View<'_>) -> Option<String> {
    let points = server.along(DUE).into_iter();
    let points =
        points.filter_map(|(due, view)| Some((due.number(), view.median(ANSWERED.name)?, view)));
    let points: Vec<_> = points.collect();
    let behind = points.iter().find(|(due, answered, _)| *answered < 0.9 * due);
    let Some((due, answered, view)) = behind else {
        return (!points.is_empty()).then(|| format!("{name} kept up with every rate."));
    };
    let patience = humantime::format_duration(PATIENCE);
    let half = match view.median(MEDIAN.name) {
        None => "too few were answered or gave up to say how long they waited".to_owned(),
        Some(latency) if is_at_least(latency) => {
            format!("more than half of its clients gave up after {patience}")
        }
        Some(latency) => {
            format!("half of those who were answered or gave up waited {} ms", short(latency))
        }
    };
    Some(format!(
        "{name} fell behind at {} a second: it answered {}, and {half}.",
        short(*due),
        short(*answered),
    ))
}

fn method(results: &Results) -> String {
    let most_clients = results.view().median(MOST.name).unwrap_or_default();
    let (work, patience) = (humantime::format_duration(WORK), humantime::format_duration(PATIENCE));
    format!(
        "Open loop: each client connects when it is due, sends one message, which takes the server \
         {work} of waiting, and gives up after {patience}. Latency counts from when it was due, for \
         those who were answered and those who gave up, who count as waiting for longer than that. \
         Waiting: not answered yet at the end of the run. Failed: resets, and clients beyond \
         {most_clients} at a time. Measured once."
    )
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1.0..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected clients per second, from 1 to 100000".to_owned()),
    }
}
