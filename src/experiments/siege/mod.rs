//! Clients that mean harm: each holds a message that never becomes whole, and sends a byte now and
//! then so that it is not idle. How many of them does it take until ordinary clients wait?
//!
//! A model that gives each client something of its own gives it to attackers too, and what that costs
//! is memory. One that has a fixed number of something falls when attackers hold all of it. The
//! defence is a time-out for messages: it bounds how long each is held.

use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use server_core::{AtOnce, parse_positive_duration};

use super::files::{Files, note};
use super::{Experiment, from_few_to_many, results_of};
use crate::measure::idle_memory::Before;
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::results::section::Section;
use crate::results::{Figure, Place, Results, figure};

mod attackers;
mod ordinary;
pub mod party;
mod recorded;
mod show;

use party::{MOST, Party, Role};

/// How many ordinary clients come, at once.
const ORDINARY: usize = 8;

/// From how many on what an attacker costs can be told from what comes and goes by itself, where all of
/// them are served.
const ENOUGH_TO_WEIGH: usize = 100;

/// A message-timeout that nothing here lasts as long as.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);

/// The experiment. There is no address: the lab besieges the servers that it starts.
#[derive(clap::Args, Debug)]
pub struct Siege {
    /// How many slow clients, from few to many [default: 1,10,100,1000,5000]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST as u64))]
    attackers: Vec<usize>,

    /// The defence: how long a message may take, from its first byte to its last
    #[arg(long, value_name = "DURATION", default_value = "500ms",
        value_parser = parse_positive_duration)]
    message_timeout: Duration,

    #[command(flatten)]
    files: Files,
}

impl Default for Siege {
    fn default() -> Self {
        let (attackers, message_timeout) = (Vec::new(), Duration::from_millis(500));
        Siege { attackers, message_timeout, files: Files::default() }
    }
}

/// The axes of the experiment.
const ATTACKERS: &str = "attackers";
const DEFENDED: &str = "defended";

/// One siege.
struct Measured {
    /// How long each ordinary client waited for its answer, in seconds; nothing where none came in time.
    waits: Vec<Option<f64>>,
    /// What an attacker costs the server in memory, its kernel's included, where that can be told.
    kib_per_attacker: Option<f64>,
}

const ANSWERED: Figure<Measured> =
    figure("ordinary clients answered", "", |it| Some(it.waits.iter().flatten().count() as f64));

/// How long the last ordinary client waited; nothing where one was not answered: the server has fallen.
const LONGEST_WAIT: Figure<Measured> = figure("longest wait", "s", |it| {
    let waits: Option<Vec<f64>> = it.waits.iter().copied().collect();
    waits?.into_iter().reduce(f64::max)
});
const MEMORY: Figure<Measured> = figure("memory per attacker", "KiB", |it| it.kib_per_attacker);

impl Experiment for Siege {
    fn name(&self) -> &'static str {
        "siege"
    }

    fn title(&self) -> &'static str {
        "Clients that mean harm"
    }

    fn quick() -> &'static str {
        "10 slow clients"
    }

    fn needs(&self) -> Option<&'static str> {
        Some("--message-timeout")
    }

    fn connections(&self, lab: &Lab) -> usize {
        self.attackers(lab).first().map_or(0, |fewest| fewest + ORDINARY)
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let one = |count: &usize| 0.12 + *count as f64 * 200e-6;
        let all = self.attackers(lab).iter().map(one).sum::<f64>();
        let falls = |it: &&Contestant| it.model.at_once != AtOnce::All;
        let fallen = lab.contestants.iter().filter(falls).count() as f64;
        2.0 * (lab.contestants.len() as f64 * all + fallen * ordinary::PATIENCE.as_secs_f64())
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let files = self.files.create()?;
        // Those who are thrown out are the point, and each would be a warning.
        let lab = Lab { warns: false, ..lab.clone() };
        let counts = self.attackers(&lab);
        let mut results = results_of(self, &lab.contestants);
        let progress = lab.progress(2 * lab.contestants.len() * counts.len());
        for (is_defended, timeout) in [(false, NO_TIMEOUT), (true, self.message_timeout)] {
            for contestant in &lab.contestants {
                let place = Place::of(&contestant.name).with(DEFENDED, is_defended);
                for count in &counts {
                    let what = format!("{count} slow clients");
                    progress.step(format!("{}: {what}", contestant.name));
                    let siege = || besiege(&lab, contestant, timeout, *count).context(what.clone());
                    let siege = lab.attempt(contestant, &what, count + ORDINARY, siege)?;
                    let Some(siege) = siege else { break };
                    let place = place.clone().with(ATTACKERS, *count);
                    results.add(&place, &[ANSWERED, LONGEST_WAIT, MEMORY], &siege);
                    // More of them would not tell more.
                    if siege.waits.contains(&None) {
                        break;
                    }
                }
            }
        }
        results.note("message_timeout_seconds", self.message_timeout.as_secs_f64());
        if !lab.quick || self.files.are_asked_for() {
            let recording = recorded::record(self.name(), &lab)?;
            files.write(&recording)?;
            note(&mut results, &recording)?;
        }
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        show::section(self, results)
    }
}

impl Siege {
    fn attackers(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(&self.attackers, lab, &[1, 10, 100, 1000, 5000], &[10])
    }

    /// The defence, as it is typed.
    fn defence(&self) -> String {
        format!("--message-timeout {}", humantime::format_duration(self.message_timeout))
    }
}

/// Starts a server, attackers, and then ordinary clients, and stops all of them.
fn besiege(
    lab: &Lab,
    contestant: &Contestant,
    timeout: Duration,
    count: usize,
) -> anyhow::Result<Measured> {
    let timeout = humantime::format_duration(timeout);
    let contestant = contestant.clone().with("--message-timeout", timeout);
    // Attackers shall not keep it from its end.
    let contestant = contestant.with("--drain-timeout", "100ms");
    let server = lab.start(&contestant)?;
    let can_be_weighed = count >= ENOUGH_TO_WEIGH && contestant.served_at_once(count) == count;
    let before = can_be_weighed.then(|| Before::reading(&lab.limits, server.process(), count).ok());
    let start = |role, count| {
        let served = contestant.served_at_once(count);
        Party::start(&lab.program, role, count, served, server.address())
    };
    let mut attackers = start(Role::Attackers, count)?;
    attackers.line()?;
    let added = before.flatten().and_then(|before| before.added().ok());
    let mut ordinary = start(Role::Ordinary, ORDINARY)?;
    let waits = serde_json::from_str(&ordinary.line()?)?;
    let kib_per_attacker = added.map(|(user, kernel)| (user + kernel) / 1024.0 / count as f64);
    drop((attackers, ordinary));
    lab.stop(&contestant, server)?;
    Ok(Measured { waits, kib_per_attacker })
}
