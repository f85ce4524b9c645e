//! Who waits for whom: a few clients at once, each with a few messages that take the server some
//! pretended work, drawn as bars of waiting and being served.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use client::conversation::Conversation;
use protocol::Framing;
use serde::Serialize;
use server_core::{AtOnce, parse_positive_duration};

use super::Experiment;
use crate::lab::Lab;
use crate::models::Contestant;
use crate::pages::section::{Picture, Section};

mod svg;
mod text;

/// How long a client may have to wait for everybody before it.
const PATIENCE: Duration = Duration::from_secs(300);

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

    /// How long the server works on each message [default: 100ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    delay: Option<Duration>,

    /// How many workers there are where they are a fixed number
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    workers: usize,

    /// Draw the picture to this file too, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Options {
    fn delay(&self, lab: &Lab) -> Duration {
        self.delay.unwrap_or(Duration::from_millis(if lab.quick { 40 } else { 100 }))
    }
}

/// What was played, and what came of it.
#[derive(Serialize)]
pub(super) struct Figures {
    plan: Plan,
    panels: Vec<Panel>,
}

/// What is played to each server.
#[derive(Clone, Copy, Debug, Serialize)]
struct Plan {
    /// How many clients come at once.
    clients: usize,
    /// How many messages each has.
    messages: usize,
    /// How long the server works on each.
    #[serde(rename = "delay_seconds", serialize_with = "seconds")]
    delay: Duration,
    /// How many workers a server has, where they are a fixed number.
    workers: usize,
}

/// What one client lived through, in seconds since all came.
#[derive(Clone, Debug, Serialize)]
struct Client {
    /// When its connection was established. A backlog is enough for that.
    connected_seconds: f64,
    /// When each message was sent and answered.
    messages: Vec<Message>,
    /// When the server had closed the connection after `Bye`.
    left_seconds: f64,
}

/// One message on its way, in seconds since all clients came.
#[derive(Clone, Copy, Debug, Serialize)]
struct Message {
    sent_seconds: f64,
    answered_seconds: f64,
}

/// All clients of one server.
#[derive(Clone, Debug, Serialize)]
struct Panel {
    model: String,
    #[serde(skip)]
    colour: u32,
    /// How many workers it has, where they are a fixed number.
    #[serde(skip)]
    workers: Option<usize>,
    /// How long the server works on each message: a model's page does not.
    #[serde(skip)]
    delay: Duration,
    /// In the order in which they were answered first.
    clients: Vec<Client>,
}

impl Message {
    /// From when on the server worked on it: before that it waited for its turn.
    fn served_from(&self, delay: Duration) -> f64 {
        (self.answered_seconds - delay.as_secs_f64()).max(self.sent_seconds)
    }
}

impl Panel {
    /// When the last client had left.
    fn end_seconds(&self) -> f64 {
        self.clients.iter().map(|client| client.left_seconds).fold(0.0, f64::max)
    }

    /// What a client waited for its turns, on the average.
    fn mean_wait(&self) -> f64 {
        let wait = |message: &Message| message.served_from(self.delay) - message.sent_seconds;
        let all = self.clients.iter().flat_map(|client| &client.messages).map(wait).sum::<f64>();
        all / self.clients.len().max(1) as f64
    }

    /// What the picture shows of it.
    fn sentence(&self, plan: &Plan) -> String {
        let work = self.delay.as_secs_f64() * plan.messages as f64;
        format!(
            "{}: {} clients with {work:.2} s of work each were done after {:.2} s; a client waited \
             {:.2} s for its turns on the average.",
            self.model,
            plan.clients,
            self.end_seconds(),
            self.mean_wait()
        )
    }
}

impl Experiment for Timeline {
    const NAME: &'static str = "timeline";
    const TITLE: &'static str = "Who waits for whom";
    const ABOUT: &'static str =
        "Who waits for whom: clients drawn as bars of waiting and being served";
    const QUICK: &'static str = "40 ms of work in the place of 100";
    type Options = Options;
    type Figures = Figures;

    fn connections(_: &Lab, options: &Options) -> usize {
        options.clients
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let work = options.delay(lab).as_secs_f64() * options.messages as f64;
        let turns = |it: &Contestant| match it.model.at_once {
            AtOnce::One => options.clients,
            AtOnce::Workers => options.clients.div_ceil(options.workers),
            AtOnce::All => 1,
        };
        lab.contestants.iter().map(turns).sum::<usize>() as f64 * work
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Figures> {
        let Options { clients, messages, workers, .. } = *options;
        let delay = options.delay(lab);
        let plan = Plan { clients, messages, delay, workers };
        let progress = lab.progress(lab.contestants.len());
        let play = |contestant: &Contestant| {
            progress.step(&contestant.name);
            play(&plan, lab, contestant).context(contestant.name.clone())
        };
        let panels = lab.contestants.iter().map(play).collect::<anyhow::Result<_>>()?;
        Ok(Figures { plan, panels })
    }

    fn show(figures: &Figures) -> anyhow::Result<Section> {
        let Figures { plan, panels } = figures;
        let caption = format!(
            "{} clients come at once, each with {} messages that take the server {} each",
            plan.clients,
            plan.messages,
            humantime::format_duration(plan.delay)
        );
        let sentences: Vec<String> = panels.iter().map(|panel| panel.sentence(plan)).collect();
        let (svg, text) = (svg::draw(panels, &sentences), Some(text::render(panels)));
        Ok(Section {
            sentences,
            pictures: vec![Picture { caption, svg, text }],
            method: "Played once.".to_owned(),
            ..Section::default()
        })
    }

    fn svg(options: &Options) -> Option<PathBuf> {
        options.svg.clone()
    }
}

fn play(plan: &Plan, lab: &Lab, contestant: &Contestant) -> anyhow::Result<Panel> {
    let delay = humantime::format_duration(plan.delay);
    let contestant = contestant.clone().with("--delay", delay).with_workers(plan.workers);
    let server = lab.start(&contestant)?;
    let clients = converse(plan, server.address());
    let mut clients = clients.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    lab.stop(&contestant, server)?;
    let first_answer = |client: &Client| {
        client.messages.first().map_or(client.left_seconds, |message| message.answered_seconds)
    };
    clients.sort_by(|one, other| first_answer(one).total_cmp(&first_answer(other)));
    Ok(Panel {
        workers: (contestant.model.at_once == AtOnce::Workers).then_some(plan.workers),
        delay: if contestant.bare { Duration::ZERO } else { plan.delay },
        model: contestant.name,
        colour: contestant.colour,
        clients,
    })
}

/// All clients at once, each in a thread of its own.
fn converse(plan: &Plan, server: SocketAddr) -> Vec<anyhow::Result<Client>> {
    let gate = Barrier::new(plan.clients);
    let start = Instant::now();
    let client = || {
        gate.wait();
        one_client(plan, server, start)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients).map(|_| scope.spawn(client)).collect();
        let join = |client: thread::ScopedJoinHandle<'_, _>| {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        clients.into_iter().map(join).collect()
    })
}

fn one_client(plan: &Plan, server: SocketAddr, start: Instant) -> anyhow::Result<Client> {
    let now = || start.elapsed().as_secs_f64();
    let mut conversation = Conversation::open(server, Framing::Line, PATIENCE)?;
    let connected_seconds = now();
    let mut messages = Vec::new();
    for number in 1..=plan.messages {
        let sent_seconds = now();
        conversation.exchange(&format!("message {number}"))?;
        messages.push(Message { sent_seconds, answered_seconds: now() });
    }
    conversation.say_bye()?;
    Ok(Client { connected_seconds, messages, left_seconds: now() })
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
