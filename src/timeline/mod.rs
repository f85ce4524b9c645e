//! Who waits for whom: a few clients at once, each with a few messages that take the server some
//! pretended work, drawn as bars of waiting and being served.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use client::conversation::{Conversation, Problem};
use protocol::Framing;
use serde::Serialize;
use server_core::Model;

use crate::measure::Bench;

mod svg;
mod text;

pub use svg::draw;
pub use text::render;

/// How long a client may have to wait for everybody before it.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is played to each server.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Plan {
    /// How many clients come at once.
    pub clients: usize,
    /// How many messages each has.
    pub messages: usize,
    /// How long the server works on each.
    #[serde(rename = "delay_seconds", serialize_with = "seconds")]
    pub delay: Duration,
    /// How many workers the pool has.
    pub workers: usize,
}

/// What one client lived through, in seconds since all came.
#[derive(Clone, Debug, Serialize)]
pub struct Client {
    /// When its connection was established. A backlog is enough for that.
    pub connected_seconds: f64,
    /// When each message was sent and answered.
    pub messages: Vec<Message>,
    /// When the server had closed the connection after `Bye`.
    pub left_seconds: f64,
}

/// One message on its way, in seconds since all clients came.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Message {
    /// When it was sent.
    pub sent_seconds: f64,
    /// When its answer came.
    pub answered_seconds: f64,
}

/// All clients of one server.
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// The model's name.
    pub model: &'static str,
    /// In the order in which they were answered first.
    pub clients: Vec<Client>,
}

impl Message {
    /// From when on the server worked on it: before that it waited for its turn.
    pub fn served_from(&self, delay: Duration) -> f64 {
        (self.answered_seconds - delay.as_secs_f64()).max(self.sent_seconds)
    }
}

impl Panel {
    /// When the last client had left.
    pub fn end_seconds(&self) -> f64 {
        self.clients.iter().map(|client| client.left_seconds).fold(0.0, f64::max)
    }

    /// What a client waited for its turns, on the average.
    fn mean_wait(&self, delay: Duration) -> f64 {
        let wait = |message: &Message| message.served_from(delay) - message.sent_seconds;
        let all = self.clients.iter().flat_map(|client| &client.messages).map(wait).sum::<f64>();
        all / self.clients.len().max(1) as f64
    }
}

/// Plays the plan to each server in turn, and calls `progress` before each.
///
/// # Errors
///
/// When a server or a client fails.
pub fn play(
    plan: &Plan,
    bench: &Bench,
    models: &[Model],
    mut progress: impl FnMut(String),
) -> anyhow::Result<Vec<Panel>> {
    let mut panels = Vec::new();
    for model in models {
        progress(model.name.to_owned());
        panels.push(play_one(plan, bench, model).context(model.name)?);
    }
    Ok(panels)
}

fn play_one(plan: &Plan, bench: &Bench, model: &Model) -> anyhow::Result<Panel> {
    let delay = humantime::format_duration(plan.delay).to_string();
    let workers = plan.workers.to_string();
    let mut arguments = vec!["--delay", &delay];
    if model.name == "pool" {
        arguments.extend(["--workers", &workers]);
    }
    let server = bench.start(model, &arguments)?;
    let clients = converse(plan, server.address());
    let mut clients = clients.into_iter().collect::<Result<Vec<_>, Problem>>()?;
    server.stop()?;
    let first_answer = |client: &Client| {
        client.messages.first().map_or(client.left_seconds, |message| message.answered_seconds)
    };
    clients.sort_by(|one, other| first_answer(one).total_cmp(&first_answer(other)));
    Ok(Panel { model: model.name, clients })
}

/// All clients at once, each in a thread of its own.
fn converse(plan: &Plan, server: SocketAddr) -> Vec<Result<Client, Problem>> {
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

fn one_client(plan: &Plan, server: SocketAddr, start: Instant) -> Result<Client, Problem> {
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

/// What the picture shows, in sentences.
pub fn conclusion(plan: &Plan, panels: &[Panel]) -> Vec<String> {
    let work = plan.delay.as_secs_f64() * plan.messages as f64;
    let sentence = |panel: &Panel| {
        format!(
            "{}: {} clients with {work:.2} s of work each were done after {:.2} s; a client waited \
             {:.2} s for its turns on the average.",
            panel.model,
            plan.clients,
            panel.end_seconds(),
            panel.mean_wait(plan.delay)
        )
    };
    panels.iter().map(sentence).collect()
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
