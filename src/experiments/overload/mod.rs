//! More work than a model can do: an open loop past what it serves.
//!
//! The work on a message is of two kinds. Where the server waits, what a model can serve is how many it serves
//! at a time, and not how fast this machine is: with 20 ms of waiting, one at a time is 50 a second, and 8
//! workers are 400. Where it computes, what a model can serve is what the processors can compute that it uses: the
//! work is such that eight of them are 400 a second too, or all that there are if they are fewer.

use std::iter;
use std::time::Duration;

use anyhow::ensure;
use client::failure::FailureKind::{TimedOut, TurnedAway};
use client::load::{Load, OnFailure, Outcome, Pace, quantile_with};
use server_core::{AtOnce, Ending, Properties, Unit, parse_positive_duration};

use super::{Experiment, from_few_to_many, results_of};
use crate::kernel::machine::cores;
use crate::measure::lab::{Lab, Window};
use crate::models::{Contestant, each_once};
use crate::results::section::Section;
use crate::results::{Figure, PER_SECOND, Place, Results, figure};

mod show;

/// The work on each message, where it is waiting.
const WAITING_FOR: Duration = Duration::from_millis(20);

/// How many messages a second can be computed by as many processors as there are, but by eight at the most.
const COMPUTED_PER_SECOND: f64 = 400.0;

/// How many places a server has that is given a fixed number.
const PLACES: usize = 8;

/// How long a client may wait for a worker, where the server says no.
const MAX_WAIT: &str = "200ms";

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

    /// What the work on a message is [default: waiting,computing]
    #[arg(long, value_name = "KIND,KIND", value_delimiter = ',')]
    work: Vec<Work>,
}

/// What a server does for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Work {
    /// It waits, as for a disk or another server.
    Waiting,
    /// It computes.
    Computing,
}

/// The axis of the kinds of work.
const KIND: &str = "work";

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
/// Clients that the server has told that it is busy.
const TURNED: Figure<Came> = figure("turned away", "% of due", |it| it.percent(it.turned_away()));
/// Clients that failed in another way, and those that were never sent because all clients were busy.
const FAILED: Figure<Came> = figure("failed", "% of due", |it| {
    let others = it.outcome.failures.total() - it.gave_up() - it.turned_away();
    it.percent(others + it.outcome.unsent)
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
        let each = self.duration(lab).as_secs_f64() + 0.22;
        let of_kind = |work: Work| work.all_variants(lab).len() * self.rates(lab).len();
        self.work().map(of_kind).sum::<usize>() as f64 * each
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        // Clients that give up are the point, and each would be a warning.
        let lab = Lab { warns: false, ..lab.clone() };
        let room = lab.contestants.iter().map(|it| lab.limits.room_for(it)).min();
        let most_clients = room.unwrap_or_default().min(MOST_CLIENTS);
        let (rates, duration) = (self.rates(&lab), self.duration(&lab));
        let runs: Vec<(Work, f64, Contestant)> = self
            .work()
            .flat_map(|work| {
                let variants = work.all_variants(&lab);
                let at = move |rate| variants.clone().into_iter().map(move |it| (work, rate, it));
                rates.clone().into_iter().flat_map(at)
            })
            .collect();
        ensure!(!runs.is_empty(), "no bare server can be told to compute: name servers");
        let mut results = results_of(self, &each_once(runs.iter().map(|(.., it)| it.clone())));
        let progress = lab.progress(runs.len());
        for (work, rate, variant) in &runs {
            let what = format!("{rate} new clients a second, {}", work.name());
            progress.step(format!("{}: {what}", variant.name));
            let lab = Lab { load_comes_first: *work == Work::Computing, ..lab.clone() };
            let put = || put(&lab, &work.given_to(variant), *rate, duration, most_clients);
            if let Some(outcome) = lab.attempt(variant, &what, FEWEST_CLIENTS, put)? {
                let came = Came { outcome, rate: *rate, most_clients };
                let figures =
                    [ANSWERED, MEDIAN, P99, GAVE_UP, TURNED, WAITING, FAILED, CLIENT, MOST];
                let place = Place::of(&variant.name).with(KIND, work.name()).with(DUE, *rate);
                results.add(&place, &figures, &came);
            }
        }
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        show::section(results)
    }
}

impl Overload {
    fn rates(&self, lab: &Lab) -> Vec<f64> {
        from_few_to_many(&self.rates, lab, &[25.0, 300.0, 1000.0], &[1000.0])
    }

    /// The kinds of work, each once.
    fn work(&self) -> impl Iterator<Item = Work> {
        let all = if self.work.is_empty() { Work::ALL.to_vec() } else { self.work.clone() };
        Work::ALL.into_iter().filter(move |work| all.contains(work))
    }

    fn duration(&self, lab: &Lab) -> Duration {
        // Longer than anybody's patience, also in a hurry.
        let usual = Duration::from_millis(if lab.quick { 1200 } else { 2000 });
        self.duration.unwrap_or(usual)
    }
}

impl Work {
    const ALL: [Work; 2] = [Work::Waiting, Work::Computing];

    fn name(self) -> &'static str {
        match self {
            Work::Waiting => "waiting",
            Work::Computing => "computing",
        }
    }

    /// Everybody who takes part. Who cannot be told to compute does not, where that is the work.
    fn all_variants(self, lab: &Lab) -> Vec<Contestant> {
        let all = lab.contestants.iter();
        match self {
            Work::Waiting => each_once(all.flat_map(variants)),
            Work::Computing => {
                let able = all.filter(|it| !it.bare);
                let able = able.flat_map(Contestant::with_a_worker_for_each_cpu);
                each_once(able.flat_map(|it| variants(&it)))
            }
        }
    }

    /// The contestant with this work on each message.
    fn given_to(self, contestant: &Contestant) -> Contestant {
        let contestant = contestant.clone();
        match self {
            Work::Waiting => contestant.waiting(WAITING_FOR),
            Work::Computing => {
                contestant.with("--compute", humantime::format_duration(computing_for()))
            }
        }
    }
}

/// The work on each message, where it is computing.
fn computing_for() -> Duration {
    Duration::from_secs_f64(cores().clamp(1, PLACES) as f64 / COMPUTED_PER_SECOND)
}

/// A server, and beside it what limits make of it where it has a queue or a thread for each client.
fn variants(contestant: &Contestant) -> Vec<Contestant> {
    let name = &contestant.name;
    let with = |what: &str| contestant.clone().named(format!("{name}{what}"));
    let Properties { max_connections, max_wait, .. } = contestant.model.properties;
    match (contestant.model.at_once, contestant.model.unit) {
        // It knows none of these limits.
        _ if contestant.bare => vec![contestant.clone()],
        (AtOnce::Workers, _) => {
            let is_of_8 = contestant.number("--workers").is_none();
            let of_8 = if is_of_8 { format!(" of {PLACES}") } else { String::new() };
            let of_8 = |what: &str| with(&format!("{of_8}{what}")).with_workers(PLACES);
            let at_most =
                max_connections.map(|_| of_8(", at most 12").with("--max-connections", 12));
            let at_most = at_most.filter(|_| !contestant.has("--max-connections"));
            let max_wait = max_wait && !contestant.has("--max-wait");
            let says_no = max_wait.then(|| of_8(", says no").with("--max-wait", MAX_WAIT));
            iter::once(of_8("")).chain(at_most).chain(says_no).collect()
        }
        (AtOnce::All, Unit::Thread) if !contestant.has("--max-connections") => {
            let at_most = with(&format!(", at most {PLACES}")).with("--max-connections", PLACES);
            vec![contestant.clone(), at_most]
        }
        _ => vec![contestant.clone()],
    }
}

fn put(
    lab: &Lab,
    contestant: &Contestant,
    rate: f64,
    duration: Duration,
    most_clients: usize,
) -> anyhow::Result<Outcome> {
    // The server shall not spend its end on those who gave up.
    let contestant = contestant.clone().with("--drain-timeout", "100ms");
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

    fn turned_away(&self) -> u64 {
        self.outcome.failures.count(TurnedAway)
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

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1.0..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected clients per second, from 1 to 100000".to_owned()),
    }
}
