//! More work than a model can do: an open loop past what it serves.
//!
//! Each message takes the server some pretended work, in which it waits and computes nothing. So
//! what a model can serve is how many it serves at a time, and not how fast this machine is: with
//! 20 ms of work, one at a time is 50 a second, and 8 workers are 400.

use std::time::Duration;

use anyhow::Context;
use client::load::{Extent, Farewell, Load, OnFailure, Outcome, Pace};
use serde::Serialize;
use server_core::Model;

use crate::measure::Bench;
use crate::table::{grid, short};

/// How many new clients a second, if nobody says otherwise.
pub const RATES: [f64; 4] = [25.0, 100.0, 300.0, 1000.0];

/// The work on each message.
pub const WORK: Duration = Duration::from_millis(20);

/// After how long a client gives up.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How many clients may be on their way at a time: those that wait, and those that are served.
pub const MOST_CLIENTS: usize = 1000;

/// A server and its options.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The model.
    pub model: Model,
    /// What it is called in a table.
    pub name: String,
    /// Its options.
    pub arguments: Vec<&'static str>,
}

/// What came of one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// How many clients were due a second.
    pub due_per_second: f64,
    /// How many were answered a second.
    pub answered_per_second: f64,
    /// The median latency of those, from when they were due.
    pub p50_milliseconds: f64,
    /// The latency that one of them in a hundred exceeds.
    pub p99_milliseconds: f64,
    /// How many gave up, in percent of those that were due.
    pub timed_out_percent: f64,
    /// How many were still waiting when the time was up.
    pub waiting_percent: f64,
    /// How many failed otherwise, or were not sent since all clients were on their way.
    pub failed_percent: f64,
}

/// One server over all rates.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// The variant's name.
    pub name: String,
    /// The model's name.
    pub model: &'static str,
    /// From low rates to high ones.
    pub points: Vec<Point>,
}

/// The models, and beside them what limits make of two of them.
pub fn variants(models: &[Model]) -> Vec<Variant> {
    let mut variants = Vec::new();
    for model in models {
        let variant = |name: &str, arguments: &[&'static str]| Variant {
            model: *model,
            name: name.to_owned(),
            arguments: arguments.to_vec(),
        };
        match model.name {
            "pool" => {
                variants.push(variant("pool of 8", &["--workers", "8"]));
                let at_most = ["--workers", "8", "--max-connections", "12"];
                variants.push(variant("pool, at most 12", &at_most));
            }
            "thread" => {
                variants.push(variant("thread", &[]));
                variants.push(variant("thread, at most 8", &["--max-connections", "8"]));
            }
            name => variants.push(variant(name, &[])),
        }
    }
    variants
}

/// Puts each rate on each variant for `duration`, and calls `progress` before each.
///
/// # Errors
///
/// When a server cannot be started or stopped, or the client cannot wait.
pub fn measure(
    bench: &Bench,
    variants: &[Variant],
    rates: &[f64],
    duration: Duration,
    mut progress: impl FnMut(String),
) -> anyhow::Result<Vec<Curve>> {
    // Clients that give up are the point, and each would be a warning.
    let bench = Bench { warns: false, ..bench.clone() };
    let new = |it: &Variant| Curve { name: it.name.clone(), model: it.model.name, points: vec![] };
    let mut curves: Vec<Curve> = variants.iter().map(new).collect();
    for rate in rates {
        for (variant, curve) in variants.iter().zip(&mut curves) {
            let what = format!("{}: {rate} a second", variant.name);
            progress(what.clone());
            curve.points.push(point(&bench, variant, *rate, duration).context(what)?);
        }
    }
    Ok(curves)
}

fn point(bench: &Bench, variant: &Variant, rate: f64, duration: Duration) -> anyhow::Result<Point> {
    let work = humantime::format_duration(WORK).to_string();
    // The server shall not spend its end on those who gave up.
    let own = ["--delay", &work, "--drain-timeout", "100ms"];
    let arguments = [&own[..], &variant.arguments].concat();
    let cost = bench.put(&variant.model, &arguments, |server| Load {
        messages_per_connection: Some(1),
        pace: Pace::Open { messages_per_second: rate },
        patience: PATIENCE,
        farewell: Farewell::HalfClose,
        on_failure: OnFailure::Count,
        ..Load::strict(server, MOST_CLIENTS, Extent::Time { warm_up: Duration::ZERO, duration })
    })?;
    Ok(Point::of(rate, &cost.outcome))
}

impl Point {
    fn of(rate: f64, outcome: &Outcome) -> Self {
        use client::load::FailureKind::TimedOut;
        let due = rate * outcome.elapsed.as_secs_f64();
        let percent = |count: u64| 100.0 * count as f64 / due;
        let quantile = |quantile| outcome.message_latency.value_at_quantile(quantile) as f64 / 1e6;
        let timed_out = outcome.failures.count(TimedOut);
        Point {
            due_per_second: rate,
            answered_per_second: outcome.messages_per_second(),
            p50_milliseconds: quantile(0.5),
            p99_milliseconds: quantile(0.99),
            timed_out_percent: percent(timed_out),
            waiting_percent: percent(outcome.in_flight),
            failed_percent: percent(outcome.failures.total() - timed_out + outcome.unsent),
        }
    }
}

/// The table: a row a variant and a rate.
pub fn render(curves: &[Curve]) -> String {
    let columns = ["due/s", "answered/s", "p50 ms", "p99 ms", "gave up", "waiting", "failed"];
    grid("", columns, rows(curves))
}

/// The table's rows.
pub fn rows(curves: &[Curve]) -> Vec<(String, Vec<String>)> {
    let row = |curve: &Curve, it: &Point| {
        let cells = vec![
            short(it.due_per_second),
            short(it.answered_per_second),
            short(it.p50_milliseconds),
            short(it.p99_milliseconds),
            format!("{:.0}%", it.timed_out_percent),
            format!("{:.0}%", it.waiting_percent),
            format!("{:.0}%", it.failed_percent),
        ];
        (curve.name.clone(), cells)
    };
    let rows = curves.iter().flat_map(|curve| curve.points.iter().map(move |it| row(curve, it)));
    rows.collect()
}

/// From which rate on each server falls behind.
pub fn conclusion(curves: &[Curve]) -> Vec<String> {
    let sentence = |curve: &Curve| {
        let behind =
            curve.points.iter().find(|it| it.answered_per_second < 0.9 * it.due_per_second);
        match behind {
            None => format!("{} kept up with every rate.", curve.name),
            Some(it) => format!(
                "{} fell behind at {} a second: it answered {}, the median of them after {} ms, \
                 and {:.0}% had given up after {}.",
                curve.name,
                short(it.due_per_second),
                short(it.answered_per_second),
                short(it.p50_milliseconds),
                it.timed_out_percent,
                humantime::format_duration(PATIENCE),
            ),
        }
    };
    curves.iter().map(sentence).collect()
}
