//! Waiting against computing: service that always takes as long, of which more and more is computed.
//!
//! Who waits holds a place in a model, and who computes holds a processor. So with waiting alone a
//! model is as fast as it has places, and with computing alone none is faster than the machine's
//! processors allow: a limit that can be computed, and is drawn beside what was measured.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Histogram, Load, Outcome, nanoseconds, quantile_of_few};
use server_core::parse_positive_duration;

use super::{Experiment, from_few_to_many, results_of};
use crate::kernel::machine::cores;
use crate::measure::lab::Lab;
use crate::models::{Contestant, each_once};
use crate::results::section::Section;
use crate::results::{PER_SECOND, Place, Results};

mod show;

/// The experiment.
#[derive(clap::Args, Debug)]
pub struct Work {
    /// How much of the service is computing, in percent, from little to much [default: 0,25,50,75,100]
    #[arg(long, value_name = "P,P", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<u32>::new().range(0..=100))]
    shares: Vec<u32>,

    /// How long the server takes for each message, waiting and computing together
    #[arg(long, value_name = "DURATION", default_value = "10ms",
        value_parser = parse_positive_duration)]
    service: Duration,

    /// How many clients at a time
    #[arg(long, value_name = "N", default_value_t = Work::default().clients,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    clients: usize,
}

impl Default for Work {
    fn default() -> Self {
        Work { shares: Vec::new(), service: Duration::from_millis(10), clients: 32 }
    }
}

/// The axis of the experiment: how much of the service is computing, in percent.
const COMPUTING: &str = "computing_percent";

/// What is measured in each round.
const RATE: &str = "messages";

/// What is known of all rounds together: latencies in milliseconds, and how many answers they are those of.
const MEDIAN: &str = "latency median";
const P99: &str = "latency p99";
const ANSWERS: &str = "answers";

/// How often each is measured.
const ROUNDS: usize = 4;

impl Experiment for Work {
    fn name(&self) -> &'static str {
        "work"
    }

    fn title(&self) -> &'static str {
        "Waiting against computing"
    }

    fn quick() -> &'static str {
        "half of it computing, one round"
    }

    fn needs(&self) -> Option<&'static str> {
        Some("--compute")
    }

    fn connections(&self, _: &Lab) -> usize {
        self.clients
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let measurements = contestants(lab).len() * self.shares(lab).len() * rounds(lab);
        // Some take a fifth of that, and some twice as long.
        measurements as f64 * 3.0 * SHORTEST.as_secs_f64()
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let (shares, contestants) = (self.shares(lab), contestants(lab));
        let mut results = results_of(self, &contestants);
        let steps = contestants.len() * shares.len();
        // Of all rounds together, that there be enough for the p99.
        let mut latencies: Vec<Histogram<u64>> = (0..steps).map(|_| nanoseconds()).collect();
        let place = |step: usize| {
            let (share, contestant) = (step / contestants.len(), step % contestants.len());
            let (share, contestant) = (shares[share], &contestants[contestant]);
            let place = Place::of(&contestant.name).with(COMPUTING, share as usize);
            (place, share, contestant)
        };
        let progress = lab.progress(steps * rounds(lab));
        lab.in_rounds(rounds(lab), steps, |step| {
            let (place, share, contestant) = place(step);
            progress.step(format!("{}: {share} % computing", contestant.name));
            let outcome = self.put(lab, contestant, share)?;
            results.add_round(&place, RATE, PER_SECOND, outcome.messages_per_second());
            latencies[step] += &outcome.message_latency;
            Ok(())
        })?;
        for (step, latency) in latencies.iter().enumerate() {
            let (place, ..) = place(step);
            let quantile = |at| Some(quantile_of_few(latency, at, 1.0)?.as_secs_f64() * 1e3);
            results.add_once(&place, MEDIAN, "ms", quantile(0.5));
            results.add_once(&place, P99, "ms", quantile(0.99));
            results.add_once(&place, ANSWERS, "", latency.len() as f64);
        }
        results.note("clients", self.clients);
        results.note("service_seconds", self.service.as_secs_f64());
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        show::section(self, results)
    }
}

impl Work {
    fn shares(&self, lab: &Lab) -> Vec<u32> {
        from_few_to_many(&self.shares, lab, &[0, 25, 50, 75, 100], &[50])
    }

    /// What no server can exceed: the messages a second that the processors can compute, and those that
    /// the clients can ask for.
    fn limit(&self, computing_percent: f64, cores: usize) -> f64 {
        let service = self.service.as_secs_f64();
        let asked = self.clients as f64 / service;
        asked.min(cores as f64 / (service * computing_percent / 100.0))
    }

    /// Puts clients on a new server that come anew with each message, so that none holds a worker while it
    /// has nothing to ask.
    fn put(&self, lab: &Lab, contestant: &Contestant, share: u32) -> anyhow::Result<Outcome> {
        let compute = self.service * share / 100;
        let delay = self.service - compute;
        let warm_up = warm_up(contestant, self.clients, delay, compute);
        let longest = 200 * self.service;
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
                ..Load::strict(server, self.clients, extent)
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
}

fn rounds(lab: &Lab) -> usize {
    if lab.quick { 1 } else { ROUNDS }
}

/// From when on the clients are answered as fast as they come: when each has had a turn. They wait side
/// by side where there are places, and are computed for one after the other at the worst.
fn warm_up(
    contestant: &Contestant,
    clients: usize,
    delay: Duration,
    compute: Duration,
) -> Duration {
    let turns = clients.div_ceil(contestant.served_at_once(clients).max(1));
    let times = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    delay * times(turns) + compute * times(clients)
}

/// How long a measurement lasts at least, and how many answers it has at least: in all rounds together
/// enough for a p99.
const SHORTEST: Duration = Duration::from_millis(190);
const FEWEST_ANSWERS: u64 = 48;

/// Beside a server that computes where its tasks are: its cures.
fn contestants(lab: &Lab) -> Vec<Contestant> {
    each_once(lab.contestants.iter().flat_map(Contestant::with_cures_for_computing))
}

/// The processors of this machine: at least one.
fn processors() -> usize {
    cores().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_the_clients_and_then_that_of_the_processors() {
        let limits = [0.0, 1.0, 50.0, 100.0].map(|share| Work::default().limit(share, 2));
        assert_eq!(limits.map(f64::round), [3200.0, 3200.0, 400.0, 200.0]);
    }
}
