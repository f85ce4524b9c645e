//! Who waits for whom: a few clients at once, each with a few messages that take the server some time,
//! drawn as bars of waiting and being served. The server waits for each message, as for a disk, or it
//! computes, which takes a processor.

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

use super::{Experiment, Part};
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

    /// How long the server waits for each message [default: 100ms, without --compute]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    delay: Option<Duration>,

    /// How much CPU time the server takes for each message, behind that
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    compute: Option<Duration>,

    /// How many workers there are where they are a fixed number
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    workers: usize,

    /// Draw the picture to this file too, as SVG
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
    /// How long the server waits for each.
    #[serde(rename = "delay_seconds", serialize_with = "seconds")]
    delay: Duration,
    /// How much CPU time it takes for each, behind that.
    #[serde(rename = "compute_seconds", serialize_with = "seconds")]
    compute: Duration,
    /// How many workers a server has, where they are a fixed number.
    workers: usize,
}

/// What one client lived through, in seconds since all came.
#[derive(Clone, Debug, Serialize)]
struct Client {
    #[serde(skip)]
    address: SocketAddr,
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
    /// From when on the server worked on it: before that it waited for its turn.
    served_from_seconds: f64,
    /// From when on the server computed, if it did.
    computed_from_seconds: f64,
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
    /// How much CPU time the server takes for each message: a model's page takes none.
    #[serde(skip)]
    compute: f64,
    /// In the order in which they were answered first.
    clients: Vec<Client>,
}

impl Message {
    /// One that was sent and answered then. A server that worked on it for so long began to do so
    /// before the answer.
    fn new(sent_seconds: f64, answered_seconds: f64, worked: f64) -> Self {
        let served_from_seconds = (answered_seconds - worked).max(sent_seconds);
        let computed_from_seconds = answered_seconds;
        Message { sent_seconds, served_from_seconds, computed_from_seconds, answered_seconds }
    }

    /// The same where the server computed for it, in the last part of that time, behind a delay.
    fn with_computing(self, within: f64, delay: f64) -> Self {
        let computed_from_seconds = (self.answered_seconds - within).max(self.sent_seconds);
        let served_from_seconds = (computed_from_seconds - delay).max(self.sent_seconds);
        Message { served_from_seconds, computed_from_seconds, ..self }
    }

    /// Which share of a processor it had, that took so much CPU time.
    fn share(&self, compute: f64) -> f64 {
        (compute / (self.answered_seconds - self.computed_from_seconds)).min(1.0)
    }
}

impl Panel {
    /// When the last client had left.
    fn end_seconds(&self) -> f64 {
        self.clients.iter().map(|client| client.left_seconds).fold(0.0, f64::max)
    }

    /// What a client waited for its turns, on the average.
    fn mean_wait(&self) -> f64 {
        let wait = |message: &Message| message.served_from_seconds - message.sent_seconds;
        let all = self.messages().map(wait).sum::<f64>();
        all / self.clients.len().max(1) as f64
    }

    fn messages(&self) -> impl Iterator<Item = &Message> + Clone {
        self.clients.iter().flat_map(|client| &client.messages)
    }

    /// How many processors computed at a time, on the average from the first computation to the end of
    /// the last; nothing where there was none.
    fn processors(&self) -> Option<f64> {
        let begin = self.messages().map(|it| it.computed_from_seconds).reduce(f64::min)?;
        let end = self.messages().map(|it| it.answered_seconds).reduce(f64::max)?;
        let computed = self.compute * self.messages().count() as f64;
        (computed > 0.0).then(|| computed / (end - begin))
    }

    /// What the picture shows of it.
    fn sentence(&self, plan: &Plan) -> String {
        let computing = self.processors().map_or(String::new(), |count| {
            format!(
                "; the server computed for {} at a time, on the average",
                clients_at_a_time(count)
            )
        });
        format!(
            "{}: {} clients with {} each were done after {:.2} s; a client waited {:.2} s for its \
             turns on the average{computing}.",
            self.model,
            plan.clients,
            plan.work_of_a_client(),
            self.end_seconds(),
            self.mean_wait()
        )
    }
}

/// Such as `2.0 clients`.
fn clients_at_a_time(count: f64) -> String {
    format!("{count:.1} client{}", if count < 1.05 { "" } else { "s" })
}

impl Plan {
    /// Such as `0.30 s of waiting`.
    fn work_of_a_client(&self) -> String {
        let of_all = |each: Duration| each.as_secs_f64() * self.messages as f64;
        let (waiting, computing) = (of_all(self.delay), of_all(self.compute));
        match (self.delay.is_zero(), self.compute.is_zero()) {
            (_, true) => format!("{waiting:.2} s of waiting"),
            (true, _) => format!("{computing:.2} s of computing"),
            _ => format!("{waiting:.2} s of waiting and {computing:.2} s of computing"),
        }
    }

    /// The same for a model's page, which does no work.
    fn of_a_page(&self) -> Self {
        Plan { delay: Duration::ZERO, compute: Duration::ZERO, ..*self }
    }

    /// Such as `100ms of waiting`.
    fn work_on_a_message(&self) -> String {
        let parts = [(self.delay, "of waiting"), (self.compute, "of computing")];
        let parts = parts.into_iter().filter(|(time, _)| !time.is_zero());
        let parts =
            parts.map(|(time, what)| format!("{} {what}", humantime::format_duration(time)));
        parts.collect::<Vec<_>>().join(" and ")
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
            play(&plan, lab, contestant).context(contestant.name.clone())
        };
        let panels = contestants.iter().map(play).collect::<anyhow::Result<_>>()?;
        Ok(Figures { plan, panels })
    }

    fn show(figures: &Figures) -> anyhow::Result<Section> {
        let Figures { plan, panels } = figures;
        let caption = format!(
            "{} clients come at once, each with {} messages that take the server {} each",
            plan.clients,
            plan.messages,
            plan.work_on_a_message()
        );
        let sentences: Vec<String> = panels.iter().map(|panel| panel.sentence(plan)).collect();
        let (svg, text) = (svg::draw(panels, &sentences), Some(text::render(panels)));
        Ok(Section {
            sentences,
            pictures: vec![Picture { caption, svg, text }],
            method: figures.method(),
            ..Section::default()
        })
    }

    fn svg(options: &Options) -> Option<PathBuf> {
        options.svg.clone()
    }
}

impl Figures {
    fn method(&self) -> String {
        let computing = match self.plan.compute.is_zero() {
            true => "",
            false => {
                " When a server computed is what its log tells; a computation that shares a processor \
                 takes longer, and is drawn lower."
            }
        };
        format!("Played once.{computing}")
    }
}

fn play(plan: &Plan, lab: &Lab, contestant: &Contestant) -> anyhow::Result<Panel> {
    let [delay, compute] = [plan.delay, plan.compute].map(humantime::format_duration);
    let contestant = contestant.clone().with("--delay", delay).with_workers(plan.workers);
    let contestant = contestant.with("--compute", compute);
    let computes = !plan.compute.is_zero() && !contestant.bare;
    let plan = if contestant.bare { &plan.of_a_page() } else { plan };
    let mut clients = match computes {
        true => converse_while_it_computes(plan, lab, &contestant)?,
        false => {
            let server = lab.start(&contestant)?;
            let clients = converse(plan, server.address())?;
            lab.stop(&contestant, server)?;
            clients
        }
    };
    let first_answer = |client: &Client| {
        client.messages.first().map_or(client.left_seconds, |message| message.answered_seconds)
    };
    clients.sort_by(|one, other| first_answer(one).total_cmp(&first_answer(other)));
    Ok(Panel {
        workers: (contestant.model.at_once == AtOnce::Workers).then_some(plan.workers),
        compute: plan.compute.as_secs_f64(),
        model: contestant.name,
        colour: contestant.colour,
        clients,
    })
}

/// All clients at once, with what the server's log tells of its computing.
fn converse_while_it_computes(
    plan: &Plan,
    lab: &Lab,
    contestant: &Contestant,
) -> anyhow::Result<Vec<Client>> {
    let (server, log) = lab.start_computing(contestant)?;
    let mut clients = converse(plan, server.address())?;
    lab.stop(contestant, server)?;
    let computed = log.read()?;
    for client in &mut clients {
        let of_client = computed.iter().filter(|it| it.client == client.address);
        for (message, computed) in client.messages.iter_mut().zip(of_client) {
            let within = computed.within.as_secs_f64();
            *message = message.with_computing(within, plan.delay.as_secs_f64());
        }
    }
    Ok(clients)
}

/// All clients at once, each in a thread of its own.
fn converse(plan: &Plan, server: SocketAddr) -> anyhow::Result<Vec<Client>> {
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
    let (connected_seconds, address) = (now(), conversation.local_address()?);
    let mut messages = Vec::new();
    for number in 1..=plan.messages {
        let sent_seconds = now();
        conversation.exchange(&format!("message {number}"))?;
        messages.push(Message::new(sent_seconds, now(), plan.delay.as_secs_f64()));
    }
    conversation.say_bye()?;
    Ok(Client { address, connected_seconds, messages, left_seconds: now() })
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
