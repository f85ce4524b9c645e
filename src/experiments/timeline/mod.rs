//! Who waits for whom: a few clients at once, each with a few messages that take the server some time,
//! drawn as bars of waiting and being served. The server waits for each message, as for a disk, or it
//! computes, which takes a processor.

use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use server_core::{AtOnce, parse_positive_duration};

use super::{Experiment, results_of};
use crate::measure::lab::Lab;
use crate::models::{Contestant, each_once};
use crate::results::section::{Picture, Section};
use crate::results::{Place, Results, View};

mod panel;
mod play;
mod svg;
mod text;

use panel::{COMPUTING, Panel, WAITING, WORKERS};
use play::Plan;

/// The experiment.
#[derive(clap::Args, Debug)]
pub struct Timeline {
    /// How many clients come at once
    #[arg(long, value_name = "N", default_value_t = Timeline::default().clients,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    clients: usize,

    /// How many messages each client sends
    #[arg(long, value_name = "M", default_value_t = Timeline::default().messages,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    messages: usize,

    /// How long the server waits for each message [default: 100ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    delay: Option<Duration>,

    /// How much CPU time the server uses for each message, instead of waiting
    #[arg(long, value_name = "DURATION", conflicts_with = "delay",
        value_parser = parse_positive_duration)]
    compute: Option<Duration>,

    /// How many workers there are, in models with a fixed number of them
    #[arg(long, value_name = "N", default_value_t = Timeline::default().workers,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    workers: usize,
}

impl Default for Timeline {
    fn default() -> Self {
        Timeline { clients: 8, messages: 3, delay: None, compute: None, workers: 4 }
    }
}

impl Experiment for Timeline {
    fn name(&self) -> &'static str {
        "timeline"
    }

    fn title(&self) -> &'static str {
        "Who waits for whom"
    }

    fn quick() -> &'static str {
        "40 ms of waiting instead of 100"
    }

    fn takes_foreign() -> bool {
        true
    }

    fn connections(&self, _: &Lab) -> usize {
        self.clients
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let plan = self.plan(lab);
        let [waiting, computing] =
            [plan.delay, plan.compute].map(|each| each.as_secs_f64() * plan.messages as f64);
        let turns = |it: &Contestant| match it.model.at_once {
            AtOnce::One => self.clients,
            AtOnce::Workers => self.clients.div_ceil(self.workers),
            AtOnce::All => 1,
        };
        let contestants = self.contestants(lab);
        // Between that of one processor and that of several.
        let computing = computing * (self.clients * contestants.len()) as f64 / 1.4;
        contestants.iter().map(turns).sum::<usize>() as f64 * waiting + computing
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let (plan, contestants) = (self.plan(lab), self.contestants(lab));
        let mut results = results_of(self, &contestants);
        let progress = lab.progress(contestants.len());
        for contestant in &contestants {
            progress.step(&contestant.name);
            let works = if plan.computes() { !contestant.bare } else { contestant.can_wait() };
            let plan = if works { plan } else { plan.without_work() };
            let play = || play::play(&plan, lab, contestant).context(contestant.name.clone());
            let what = format!("{} clients", self.clients);
            let played = lab.attempt(contestant, &what, self.clients, play)?;
            let Some(clients) = played else { continue };
            let server = Place::of(&contestant.name);
            let has_workers = contestant.model.at_once == AtOnce::Workers;
            results.add_once(&server, WORKERS, "", has_workers.then_some(self.workers as f64));
            let (work, each) = match plan.computes() {
                true => (COMPUTING, plan.compute),
                false => (WAITING, plan.delay),
            };
            results.add_once(&server, work, "s", each.as_secs_f64());
            for (number, client) in (1..).zip(clients) {
                client.add_to(&mut results, &server, number);
            }
        }
        results.note("clients", plan.clients);
        results.note("messages", plan.messages);
        results.note("delay_seconds", plan.delay.as_secs_f64());
        results.note("compute_seconds", plan.compute.as_secs_f64());
        results.note("workers", plan.workers);
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let panels = Panel::all(results);
        let sentences: Vec<String> = panels
            .iter()
            .flat_map(|it| [Some(it.sentence()), it.excuse(self.compute.is_some())])
            .flatten()
            .collect();
        let [svg, slide] =
            [svg::PAGE, svg::SLIDE].map(|format| svg::draw(&panels, &sentences, format));
        let (slide, text) = (Some(slide), Some(text::render(&panels)));
        let caption = format!(
            "{} clients come at once, each with {} messages that take the server {} each",
            self.clients,
            self.messages,
            self.work(results)
        );
        let computing = match self.compute {
            None => "",
            Some(_) => {
                " When a server computed is what its log tells; a computation that shares a processor \
                 takes longer, and is drawn lower."
            }
        };
        Section {
            sentences,
            pictures: vec![Picture { caption, svg, slide, text }],
            method: format!("Played once.{computing}"),
            ..Section::default()
        }
    }
}

impl Timeline {
    /// The usual one of servers that compute for so long.
    pub(super) fn computing(each: Duration) -> Self {
        Timeline { compute: Some(each), ..Timeline::default() }
    }

    fn plan(&self, lab: &Lab) -> Plan {
        let Timeline { clients, messages, workers, .. } = *self;
        let compute = self.compute.unwrap_or_default();
        let usual = match (compute.is_zero(), lab.quick) {
            (false, _) => Duration::ZERO,
            (true, false) => Duration::from_millis(100),
            (true, true) => Duration::from_millis(40),
        };
        Plan { clients, messages, delay: self.delay.unwrap_or(usual), compute, workers }
    }

    /// Who takes part: beside a server that computes where its tasks are, its cures.
    fn contestants(&self, lab: &Lab) -> Vec<Contestant> {
        match self.compute {
            Some(_) => {
                each_once(lab.contestants.iter().flat_map(Contestant::with_cures_for_computing))
            }
            None => lab.contestants.clone(),
        }
    }

    /// What a message takes a server, such as `100ms of waiting`.
    fn work(&self, results: &Results) -> String {
        let view = results.view();
        let longest = |(_, server): (_, View<'_>)| server.median(WAITING);
        let waiting = view.servers().into_iter().filter_map(longest).fold(0.0, f64::max);
        let (each, how) = match self.compute {
            Some(each) => (each, "computing"),
            None => (Duration::from_secs_f64(waiting), "waiting"),
        };
        format!("{} of {how}", humantime::format_duration(each))
    }
}
