//! Who waits for whom: a few clients at once, each with a few messages that take the server some time,
//! drawn as bars of waiting and being served. The server waits for each message, as for a disk, or it
//! computes, which takes a processor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::builder::RangedU64ValueParser;
use server_core::{AtOnce, parse_positive_duration};

use super::Experiment;
use super::files::{Files, RECORDING, note, recording_of};
use crate::measure::lab::Lab;
use crate::models::{Contestant, each_once};
use crate::recording::{Event, Head, Recorded, Recording, What};
use crate::results::section::{Picture, Section};
use crate::results::{Results, Server};

mod panel;
mod play;
mod svg;
mod text;

use panel::Panel;
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

    #[command(flatten)]
    files: Files,

    /// Draw what another run has kept by --record
    #[arg(long, value_name = "FILE",
        conflicts_with_all = ["record", "clients", "messages", "delay", "compute", "workers"])]
    replay: Option<PathBuf>,
}

impl Default for Timeline {
    fn default() -> Self {
        let (clients, messages, workers) = (8, 3, 4);
        let (delay, compute, files, replay) = (None, None, Files::default(), None);
        Timeline { clients, messages, delay, compute, workers, files, replay }
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
        let files = self.files.create()?;
        let recording = match &self.replay {
            Some(file) => recorded_in(file)?,
            None => self.record(lab)?,
        };
        files.write(&recording)?;
        let servers = &recording.head.servers;
        let server = |it: &Recorded| Server { name: it.name.clone(), colour: it.colour.clone() };
        let mut results = Results::new(self.name(), servers.iter().map(server).collect());
        servers.iter().for_each(|it| panel::add_to(&mut results, it, &recording));
        note(&mut results, &recording)?;
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let panels = Panel::all(results);
        let computes = panels.iter().any(|it| it.computing.is_some());
        let sentences: Vec<String> = panels
            .iter()
            .flat_map(|it| [Some(it.sentence()), it.excuse(computes || self.compute.is_some())])
            .flatten()
            .collect();
        let [svg, slide] =
            [svg::PAGE, svg::SLIDE].map(|format| svg::draw(&panels, &sentences, format));
        let (slide, text) = (Some(slide), Some(text::render(&panels)));
        let recording: Option<Recording> = results.noted(RECORDING);
        let caption = recording.as_ref().map(caption).unwrap_or_default();
        let computing = match computes {
            false => "",
            true => {
                " When a server computed is what its log tells; a computation that shares a processor \
                 takes longer, and is drawn lower."
            }
        };
        let replayed = self.replay.as_ref().zip(recording.as_ref()).map(|(file, it)| {
            let (file, Head { command, machine, .. }) = (file.display(), &it.head);
            format!(" What {file} holds was recorded by `{command}` on {machine}.")
        });
        Section {
            sentences,
            pictures: vec![Picture { caption, svg, slide, text }],
            method: format!("Played once.{computing}{}", replayed.unwrap_or_default()),
            recording,
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

    /// Plays it to all, one after the other.
    fn record(&self, lab: &Lab) -> anyhow::Result<Recording> {
        let (plan, contestants) = (self.plan(lab), self.contestants(lab));
        let mut recording = recording_of(self.name(), Vec::new());
        let progress = lab.progress(contestants.len());
        for contestant in &contestants {
            progress.step(&contestant.name);
            let works = if plan.computes() { !contestant.bare } else { contestant.can_wait() };
            let plan = if works { plan } else { plan.without_work() };
            let play = || play::record(&plan, lab, contestant).context(contestant.name.clone());
            let what = format!("{} clients", self.clients);
            let played = lab.attempt(contestant, &what, self.clients, play)?;
            let Some((server, events)) = played else { continue };
            recording.head.servers.push(server);
            recording.events.extend(events);
        }
        Ok(recording)
    }
}

/// A timeline that was recorded.
fn recorded_in(file: &Path) -> anyhow::Result<Recording> {
    let recording = Recording::read(file)?;
    let of = &recording.head.of;
    ensure!(of == "timeline", "{} is a recording of {of}, and no timeline", file.display());
    Ok(recording)
}

/// Such as `8 clients come at once, each with 3 messages that take the server 100ms of waiting each`.
fn caption(recording: &Recording) -> String {
    let clients = recording.events.iter().filter_map(|it| it.client).max().unwrap_or(0);
    let message = |it: &Event| match it.what {
        What::Asks { message } => Some(message),
        _ => None,
    };
    let messages = recording.events.iter().filter_map(message).max().unwrap_or(0);
    let longest = |of: fn(&Recorded) -> u64| recording.head.servers.iter().map(of).max();
    let [waits, computes] = [longest(|it| it.waits), longest(|it| it.computes)];
    let (each, how) = match computes.unwrap_or(0) {
        0 => (waits.unwrap_or(0), "waiting"),
        computes => (computes, "computing"),
    };
    let each = humantime::format_duration(Duration::from_micros(each));
    format!(
        "{clients} clients come at once, each with {messages} messages that take the server {each} of {how} each"
    )
}
