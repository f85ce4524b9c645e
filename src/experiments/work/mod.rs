//! Waiting against computing: service that always takes as long, of which more and more is computed.
//!
//! Who waits holds a place in a model, and who computes holds a processor. So with waiting alone a
//! model is as fast as it has places, and with computing alone none is faster than the machine's
//! processors allow: a limit that can be computed, and is drawn beside what was measured.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Histogram, Load, Outcome, nanoseconds, quantile_of_few};
use serde_json::{Map, Value, json};
use server_core::parse_positive_duration;

use super::{Experiment, Part, from_few_to_many};
use crate::kernel::machine::cores;
use crate::measure::lab::{Lab, in_rounds};
use crate::models::Contestant;
use crate::results::sample::Sample;
use crate::results::section::Section;
use crate::results::{self, Place, Row};

mod show;

/// The experiment.
pub(super) struct Work;

/// What it is told.
#[derive(clap::Args)]
pub(super) struct Options {
    /// How much of the service is computing, in percent, from little to much [default: 0,25,50,75,100]
    #[arg(long, value_name = "P,P", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<u32>::new().range(0..=100))]
    shares: Vec<u32>,

    /// How long the server takes for each message, waiting and computing together
    #[arg(long, value_name = "DURATION", default_value = "10ms",
        value_parser = parse_positive_duration)]
    service: Duration,

    /// How many clients at a time
    #[arg(long, value_name = "N", default_value_t = 32,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    clients: usize,
}

impl Options {
    fn shares(&self, lab: &Lab) -> Vec<u32> {
        from_few_to_many(match (self.shares.as_slice(), lab.quick) {
            ([], false) => vec![0, 25, 50, 75, 100],
            ([], true) => vec![50],
            (shares, _) => shares.to_vec(),
        })
    }
}

/// What was measured, and of what.
pub(super) struct Figures {
    /// How many processors there are.
    cores: usize,
    clients: usize,
    service_seconds: f64,
    curves: Vec<Curve>,
}

/// One server over all shares.
struct Curve {
    name: String,
    colour: u32,
    /// From little computing to much.
    points: Vec<Measured>,
}

/// What was measured with this share of computing.
struct Measured {
    computing_percent: u32,
    /// Each round's.
    messages_per_second: Sample,
    /// Of all rounds together, that there be enough for the p99.
    latency: Histogram<u64>,
    p50_milliseconds: Option<f64>,
    p99_milliseconds: Option<f64>,
}

/// How often each is measured.
const ROUNDS: usize = 4;

impl Measured {
    fn new(computing_percent: u32) -> Self {
        Measured {
            computing_percent,
            messages_per_second: Sample::default(),
            latency: nanoseconds(),
            p50_milliseconds: None,
            p99_milliseconds: None,
        }
    }

    /// Adds what one more round brought.
    fn add(&mut self, outcome: &Outcome) {
        self.messages_per_second.push(outcome.messages_per_second());
        self.latency += &outcome.message_latency;
        let quantile =
            |at| quantile_of_few(&self.latency, at, 1.0).map(|it| it.as_secs_f64() * 1e3);
        (self.p50_milliseconds, self.p99_milliseconds) = (quantile(0.5), quantile(0.99));
    }

    fn x(&self) -> f64 {
        f64::from(self.computing_percent)
    }
}

impl Experiment for Work {
    const NAME: &'static str = "work";
    const TITLE: &'static str = "Waiting against computing";
    const ABOUT: &'static str =
        "Compares servers that wait with servers that compute, and both with what the CPUs allow";
    const QUICK: &'static str = "half of it computing, one round";
    const NEEDS: Option<&'static str> = Some("--compute");
    const PARTS: &'static [Part] = &[Part {
        name: Self::NAME,
        title: Self::TITLE,
        arguments: &["--shares", "0,25,50,100"],
        quick_arguments: &[],
    }];
    type Options = Options;
    type Figures = Figures;

    fn connections(_: &Lab, options: &Options) -> usize {
        options.clients
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let measurements = contestants(lab).len() * options.shares(lab).len() * rounds(lab.quick);
        // Some take a fifth of that, and some twice as long.
        measurements as f64 * 3.0 * SHORTEST.as_secs_f64()
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Figures> {
        let (shares, contestants) = (options.shares(lab), contestants(lab));
        let new = |it: &Contestant| {
            let points = shares.iter().map(|share| Measured::new(*share)).collect();
            Curve { name: it.name.clone(), colour: it.colour, points }
        };
        let mut curves: Vec<Curve> = contestants.iter().map(new).collect();
        let steps = contestants.len() * shares.len();
        let progress = lab.progress(steps * rounds(lab.quick));
        in_rounds(rounds(lab.quick), steps, |step| {
            let (share, place) = (step / contestants.len(), step % contestants.len());
            progress.step(format!("{}: {} % computing", contestants[place].name, shares[share]));
            let outcome = put(lab, &contestants[place], options, shares[share])?;
            curves[place].points[share].add(&outcome);
            Ok(())
        })?;
        let (clients, service_seconds) = (options.clients, options.service.as_secs_f64());
        Ok(Figures { cores: cores(), clients, service_seconds, curves })
    }

    fn rows(figures: &Figures) -> Vec<Row> {
        let mut rows = Vec::new();
        for curve in &figures.curves {
            for it in &curve.points {
                let share = it.computing_percent as usize;
                let place = Place::of(&curve.name).with("computing_percent", share);
                let rate = it.messages_per_second.clone();
                results::push(&mut rows, &place, "messages", "per second", rate);
                results::add_one(&mut rows, &place, "latency median", "ms", it.p50_milliseconds);
                results::add_one(&mut rows, &place, "latency p99", "ms", it.p99_milliseconds);
            }
        }
        rows
    }

    fn facts(figures: &Figures) -> serde_json::Result<Map<String, Value>> {
        let Figures { cores, clients, service_seconds, .. } = figures;
        let facts = [
            ("cores", json!(cores)),
            ("clients", json!(clients)),
            ("service_seconds", json!(service_seconds)),
        ];
        Ok(facts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    }

    fn show(figures: &Figures) -> Section {
        show::section(figures)
    }
}

fn rounds(quick: bool) -> usize {
    if quick { 1 } else { ROUNDS }
}

/// From when on the clients are answered as fast as they come: when each has had a turn. They wait side
/// by side where there are places, and are computed for one after the other at the worst.
fn warm_up(
    contestant: &Contestant,
    clients: usize,
    delay: Duration,
    compute: Duration,
) -> Duration {
    let turns = clients.div_ceil(contestant.model.served_at_once(clients).max(1));
    let times = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    delay * times(turns) + compute * times(clients)
}

/// How long a measurement lasts at least, and how many answers it has at least: in all rounds together
/// enough for a p99.
const SHORTEST: Duration = Duration::from_millis(190);
const FEWEST_ANSWERS: u64 = 48;

/// Beside a server that computes where its tasks are: its cures.
fn contestants(lab: &Lab) -> Vec<Contestant> {
    lab.contestants.iter().flat_map(Contestant::with_cures_for_computing).collect()
}

/// Puts clients on a new server that come anew with each message, so that none holds a worker while it
/// has nothing to ask.
fn put(
    lab: &Lab,
    contestant: &Contestant,
    options: &Options,
    share: u32,
) -> anyhow::Result<Outcome> {
    let compute = options.service * share / 100;
    let delay = options.service - compute;
    let warm_up = warm_up(contestant, options.clients, delay, compute);
    let longest = 200 * options.service;
    let extent = Extent::Time { warm_up, duration: longest.max(SHORTEST) };
    let [delay, compute] = [delay, compute].map(humantime::format_duration);
    let contestant = contestant.clone().with("--delay", delay).with("--compute", compute);
    let mut before = 0;
    lab.put_watched(
        &contestant,
        |server| Load {
            messages_per_connection: Some(1),
            // Clients who begin together would for long be answered together, in bursts.
            ramp: warm_up,
            patience: 10 * longest,
            ..Load::strict(server, options.clients, extent)
        },
        |status| {
            if status.elapsed < warm_up {
                before = status.messages;
            }
            let measured = status.elapsed.saturating_sub(warm_up);
            match measured >= SHORTEST && status.messages - before >= FEWEST_ANSWERS {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        },
    )
}
