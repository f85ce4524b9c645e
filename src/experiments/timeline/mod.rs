//! Who waits for whom: a few clients at once, each with a few messages that take the server some time,
//! drawn as bars of waiting and being served. The server waits for each message, as for a disk, or it
//! computes, which takes a processor.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use serde_json::{Map, Value, json};
use server_core::{AtOnce, parse_positive_duration};

use super::{Experiment, Part};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::results::section::{Picture, Section};
use crate::results::{self, Place, Row};

mod figures;
mod play;
mod svg;
mod text;

use figures::{Panel, Plan};

/// The experiment.
pub(super) struct Timeline;

/// What it is told.
#[derive(clap::Args)]
pub(super) struct Options {
    /// How many clients come at once
    #[arg(long, value_name = "N", default_value_t = 8,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    clients: usize,

    /// How many messages each client sends
    #[arg(long, value_name = "M", default_value_t = 3,
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
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    workers: usize,

    /// Also write the picture to this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Options {
    fn plan(&self, lab: &Lab) -> Plan {
        let Options { clients, messages, workers, .. } = *self;
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
                lab.contestants.iter().flat_map(Contestant::with_cures_for_computing).collect()
            }
            None => lab.contestants.clone(),
        }
    }
}

/// What was played, and the result.
pub(super) struct Figures {
    plan: Plan,
    panels: Vec<Panel>,
}

impl Experiment for Timeline {
    const NAME: &'static str = "timeline";
    const TITLE: &'static str = "Who waits for whom";
    const ABOUT: &'static str = "Draws a bar for each client: when it waits, and when it is served";
    const TAKES_FOREIGN: bool = true;
    const QUICK: &'static str = "40 ms of work instead of 100";
    type Options = Options;
    type Figures = Figures;
    const PARTS: &'static [Part] = &[
        Part { name: "timeline", title: Self::TITLE, arguments: &[], quick_arguments: &[] },
        Part {
            name: "timeline-compute",
            title: "Who waits for whom while the server computes",
            arguments: &["--compute", "30ms"],
            quick_arguments: &["--compute", "10ms"],
        },
    ];

    fn connections(_: &Lab, options: &Options) -> usize {
        options.clients
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let plan = options.plan(lab);
        let waiting = plan.delay.as_secs_f64() * plan.messages as f64;
        let computing = plan.compute.as_secs_f64() * plan.messages as f64;
        let turns = |it: &Contestant| match it.model.at_once {
            AtOnce::One => options.clients,
            AtOnce::Workers => options.clients.div_ceil(options.workers),
            AtOnce::All => 1,
        };
        let contestants = options.contestants(lab);
        // Between that of one processor and that of several.
        let computing = computing * (options.clients * contestants.len()) as f64 / 1.4;
        contestants.iter().map(turns).sum::<usize>() as f64 * waiting + computing
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Figures> {
        let (plan, contestants) = (options.plan(lab), options.contestants(lab));
        let progress = lab.progress(contestants.len());
        let play = |contestant: &Contestant| {
            progress.step(&contestant.name);
            let play = || play::play(&plan, lab, contestant).context(contestant.name.clone());
            lab.attempt(contestant, "the timeline", play)
        };
        let panels = contestants.iter().map(play).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Figures { plan, panels: panels.into_iter().flatten().collect() })
    }

    fn rows(figures: &Figures) -> Vec<Row> {
        let mut rows = Vec::new();
        for panel in &figures.panels {
            for (client, lived) in (1_usize..).zip(&panel.clients) {
                let place = Place::of(&panel.model).with("client", client);
                let mut add = |place: &Place, figure, value: f64| {
                    results::add_one(&mut rows, place, figure, "s", value);
                };
                add(&place, "connected", lived.connected_seconds);
                for (message, it) in (1_usize..).zip(&lived.messages) {
                    let place = place.clone().with("message", message);
                    add(&place, "sent", it.sent_seconds);
                    add(&place, "served from", it.served_from_seconds);
                    add(&place, "answered", it.answered_seconds);
                }
                add(&place, "left", lived.left_seconds);
            }
        }
        rows
    }

    fn facts(figures: &Figures) -> serde_json::Result<Map<String, Value>> {
        let Plan { clients, messages, delay, compute, workers } = figures.plan;
        let facts = [
            ("clients", json!(clients)),
            ("messages", json!(messages)),
            ("delay_seconds", json!(delay.as_secs_f64())),
            ("compute_seconds", json!(compute.as_secs_f64())),
            ("workers", json!(workers)),
        ];
        Ok(facts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    }

    fn show(figures: &Figures) -> Section {
        let Figures { plan, panels } = figures;
        let caption = format!(
            "{} clients come at once, each with {} messages that take the server {} each",
            plan.clients,
            plan.messages,
            plan.work_on_a_message()
        );
        let sentences: Vec<String> = panels.iter().map(Panel::sentence).collect();
        let (svg, text) = (svg::draw(panels, &sentences), Some(text::render(panels)));
        Section {
            sentences,
            pictures: vec![Picture { caption, svg, text }],
            method: figures.method(),
            ..Section::default()
        }
    }

    fn svg(options: &Options) -> Option<PathBuf> {
        options.svg.clone()
    }
}

impl Figures {
    fn method(&self) -> String {
        let computing = match self.plan.computes() {
            false => "",
            true => {
                " When a server computed is what its log tells; a computation that shares a processor \
                 takes longer, and is drawn lower."
            }
        };
        format!("Played once.{computing}")
    }
}
