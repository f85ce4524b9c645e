//! Clients that mean harm: each holds a message that never becomes whole, and sends a byte now and
//! then so that it is not idle. How many of them does it take until ordinary clients wait?
//!
//! A model that gives each client something of its own gives it to attackers too, and what that costs
//! is memory. One that has a fixed number of something falls when attackers hold all of it. The
//! defence is a time-out for messages: it bounds how long each is held.

use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use serde_json::{Map, Value, json};
use server_core::{AtOnce, parse_positive_duration};

use super::{Experiment, Part, from_few_to_many};
use crate::measure::idle_memory::Before;
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::results::section::Section;
use crate::results::{self, Place, Row};

mod attackers;
mod ordinary;
pub mod party;
mod show;

use party::{MOST, Party, Role};

/// How many ordinary clients come, at once.
const ORDINARY: usize = 8;

/// From how many on what an attacker costs can be told from what comes and goes by itself, where all of
/// them are served.
const ENOUGH_TO_WEIGH: usize = 100;

/// A message-timeout that nothing here lasts as long as.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);

/// The experiment.
pub struct Siege;

/// What it is told. There is no address: the lab besieges the servers that it starts.
#[derive(clap::Args)]
pub struct Options {
    /// How many slow clients, from few to many [default: 1,10,100,1000,5000]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST as u64))]
    attackers: Vec<usize>,

    /// The defence: how long a message may take, from its first byte to its last
    #[arg(long, value_name = "DURATION", default_value = "500ms",
        value_parser = parse_positive_duration)]
    message_timeout: Duration,
}

impl Options {
    fn attackers(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(match (self.attackers.as_slice(), lab.quick) {
            ([], false) => vec![1, 10, 100, 1000, 5000],
            ([], true) => vec![10],
            (counts, _) => counts.to_vec(),
        })
    }

    /// Without the defence, and with it.
    fn timeouts(&self) -> [Duration; 2] {
        [NO_TIMEOUT, self.message_timeout]
    }
}

/// What came of it.
pub struct Figures {
    message_timeout_seconds: f64,
    sieges: Vec<Campaign>,
}

/// One server, with the defence or without, from few attackers on until it fell.
struct Campaign {
    model: String,
    colour: u32,
    is_defended: bool,
    sieges: Vec<Measured>,
    /// With how many it was not besieged, and why.
    left_out: Option<(usize, String)>,
}

/// One siege.
struct Measured {
    attackers: usize,
    /// How long each ordinary client waited for its answer; nothing where none came in time.
    waits_seconds: Vec<Option<f64>>,
    /// What an attacker costs the server in memory, its kernel's included, where that can be told.
    kib_per_attacker: Option<f64>,
}

impl Measured {
    /// How long the last ordinary client waited; nothing where one was not answered.
    fn longest_wait(&self) -> Option<f64> {
        let waits: Option<Vec<f64>> = self.waits_seconds.iter().copied().collect();
        waits?.into_iter().reduce(f64::max)
    }

    fn answered(&self) -> usize {
        self.waits_seconds.iter().flatten().count()
    }

    /// Whether the server is fallen: an ordinary client waited in vain.
    fn is_lost(&self) -> bool {
        self.longest_wait().is_none()
    }
}

impl Experiment for Siege {
    const NAME: &'static str = "siege";
    const TITLE: &'static str = "Clients that mean harm";
    const ABOUT: &'static str =
        "Attacks with slow clients: how many does it take until ordinary clients have to wait";
    const QUICK: &'static str = "10 slow clients";
    const NEEDS: Option<&'static str> = Some("--message-timeout");
    const PARTS: &'static [Part] = &[Part {
        name: Self::NAME,
        title: Self::TITLE,
        arguments: &["--attackers", "1,10,100,1000"],
        quick_arguments: &[],
    }];
    type Options = Options;
    type Figures = Figures;

    fn connections(lab: &Lab, options: &Options) -> usize {
        options.attackers(lab).first().map_or(0, |fewest| fewest + ORDINARY)
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let one = |count: &usize| 0.12 + *count as f64 * 200e-6;
        let all = options.attackers(lab).iter().map(one).sum::<f64>();
        let falls = |it: &&Contestant| it.model.at_once != AtOnce::All;
        let fallen = lab.contestants.iter().filter(falls).count() as f64;
        2.0 * (lab.contestants.len() as f64 * all + fallen * ordinary::PATIENCE.as_secs_f64())
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Figures> {
        let counts = options.attackers(lab);
        // Those who are thrown out are the point, and each would be a warning.
        let lab = Lab { warns: false, ..lab.clone() };
        let progress = lab.progress(2 * lab.contestants.len() * counts.len());
        let mut sieges = Vec::new();
        for timeout in options.timeouts() {
            for contestant in &lab.contestants {
                let mut campaign = Campaign::new(contestant, timeout != NO_TIMEOUT);
                for count in &counts {
                    progress.step(format!("{}: {count} slow clients", contestant.name));
                    campaign.go_on(&lab, contestant, timeout, *count)?;
                }
                sieges.push(campaign);
            }
        }
        Ok(Figures { message_timeout_seconds: options.message_timeout.as_secs_f64(), sieges })
    }

    fn rows(figures: &Figures) -> Vec<Row> {
        let mut rows = Vec::new();
        for campaign in &figures.sieges {
            for it in &campaign.sieges {
                let place = Place::of(&campaign.model);
                let place = place.with("defended", campaign.is_defended);
                let place = place.with("attackers", it.attackers);
                let mut add = |figure, unit, value: Option<f64>| {
                    results::add_one(&mut rows, &place, figure, unit, value);
                };
                add("ordinary clients answered", "", Some(it.answered() as f64));
                add("longest wait", "s", it.longest_wait());
                add("memory per attacker", "KiB", it.kib_per_attacker);
            }
        }
        rows
    }

    fn facts(figures: &Figures) -> serde_json::Result<Map<String, Value>> {
        let timeout = json!(figures.message_timeout_seconds);
        Ok([("message_timeout_seconds".to_owned(), timeout)].into_iter().collect())
    }

    fn show(figures: &Figures) -> Section {
        show::section(figures)
    }
}

impl Campaign {
    fn new(contestant: &Contestant, is_defended: bool) -> Self {
        let (model, colour) = (contestant.name.clone(), contestant.colour);
        Campaign { model, colour, is_defended, sieges: Vec::new(), left_out: None }
    }

    /// The next siege, unless the server fell to fewer or there is no room for so many.
    fn go_on(
        &mut self,
        lab: &Lab,
        contestant: &Contestant,
        timeout: Duration,
        count: usize,
    ) -> anyhow::Result<()> {
        if self.sieges.last().is_some_and(Measured::is_lost) || self.left_out.is_some() {
            return Ok(());
        }
        let all = count + ORDINARY;
        if let Some(lack) = lab.limits.lack(contestant, all) {
            self.left_out = Some((count, lack));
            return Ok(());
        }
        let siege = besiege(lab, contestant, timeout, count);
        self.sieges.push(siege.with_context(|| format!("{}, {count} attackers", self.model))?);
        Ok(())
    }

    /// The fewest attackers that it fell to.
    fn lost_to(&self) -> Option<&Measured> {
        self.sieges.iter().find(|siege| siege.is_lost())
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
    let can_be_weighed =
        count >= ENOUGH_TO_WEIGH && contestant.model.served_at_once(count) == count;
    let before = can_be_weighed.then(|| Before::reading(&lab.limits, server.process(), count).ok());
    let start = |role, count| {
        let served = contestant.model.served_at_once(count);
        Party::start(&lab.program, role, count, served, server.address())
    };
    let mut attackers = start(Role::Attackers, count)?;
    attackers.line()?;
    let added = before.flatten().and_then(|before| before.added().ok());
    let mut ordinary = start(Role::Ordinary, ORDINARY)?;
    let waits_seconds = serde_json::from_str(&ordinary.line()?)?;
    let kib_per_attacker = added.map(|(user, kernel)| (user + kernel) / 1024.0 / count as f64);
    drop((attackers, ordinary));
    lab.stop(&contestant, server)?;
    Ok(Measured { attackers: count, waits_seconds, kib_per_attacker })
}
