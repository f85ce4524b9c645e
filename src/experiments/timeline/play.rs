//! The play: a server, and clients that all come at once.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use client::conversation::Conversation;
use protocol::Framing;
use server_core::Ending;

use super::panel::{Client, Message};
use crate::measure::lab::{Lab, Running};
use crate::models::Contestant;

/// What is played to each server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How many clients come at once.
    pub(super) clients: usize,
    /// How many messages each has.
    pub(super) messages: usize,
    /// How long the server waits for each.
    pub(super) delay: Duration,
    /// How much CPU time it takes for each instead.
    pub(super) compute: Duration,
    /// How many workers a server has, where they are a fixed number.
    pub(super) workers: usize,
}

impl Plan {
    /// Whether the server computes, and does not wait.
    pub(super) fn computes(&self) -> bool {
        !self.compute.is_zero()
    }

    /// The same for a server that cannot be told to work.
    pub(super) fn without_work(self) -> Self {
        Plan { delay: Duration::ZERO, compute: Duration::ZERO, ..self }
    }
}

/// How long a client may have to wait for everybody before it.
const PATIENCE: Duration = Duration::from_secs(300);

/// The same of a server that is not ours, and may hang.
const PATIENCE_WITH_ANY: Duration = Duration::from_secs(15);

/// Whom the clients talk to, and how.
#[derive(Clone, Copy)]
struct Host {
    server: SocketAddr,
    farewell: Ending,
    patience: Duration,
}

impl Host {
    fn of(server: &Running, contestant: &Contestant) -> Self {
        let patience = if contestant.foreign.is_none() { PATIENCE } else { PATIENCE_WITH_ANY };
        Host { server: server.address(), farewell: server.farewell(), patience }
    }
}

/// Plays it to one server. The clients come in the order in which they were answered first.
pub(super) fn play(plan: &Plan, lab: &Lab, contestant: &Contestant) -> anyhow::Result<Vec<Client>> {
    let compute = humantime::format_duration(plan.compute);
    let contestant = contestant.clone().waiting(plan.delay).with_workers(plan.workers);
    let contestant = contestant.with("--compute", compute);
    let mut clients = match plan.computes() {
        true => converse_while_it_computes(plan, lab, &contestant)?,
        false => {
            let server = lab.open(&contestant)?;
            let clients = converse(plan, Host::of(&server, &contestant))?;
            lab.close(&contestant, server)?;
            clients
        }
    };
    clients.sort_by(|one, other| one.first_answer().total_cmp(&other.first_answer()));
    Ok(clients)
}

/// All clients at once, with what the server's log tells of its computing.
fn converse_while_it_computes(
    plan: &Plan,
    lab: &Lab,
    contestant: &Contestant,
) -> anyhow::Result<Vec<Client>> {
    let (server, log) = lab.start_computing(contestant)?;
    let mut clients = converse(
        plan,
        Host { server: server.address(), farewell: Ending::Bye, patience: PATIENCE },
    )?;
    lab.stop(contestant, server)?;
    let computed = log.read()?;
    for client in &mut clients {
        let of_client = computed.iter().filter(|it| it.client == client.address);
        for (message, computed) in client.messages.iter_mut().zip(of_client) {
            let within = computed.within.as_secs_f64();
            *message = Message::new(message.sent, message.answered, within);
        }
    }
    Ok(clients)
}

/// All clients at once, each in a thread of its own.
fn converse(plan: &Plan, host: Host) -> anyhow::Result<Vec<Client>> {
    let gate = Barrier::new(plan.clients);
    let start = Instant::now();
    let client = || {
        gate.wait();
        one_client(plan, host, start)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients).map(|_| scope.spawn(client)).collect();
        let join = |client: thread::ScopedJoinHandle<'_, _>| {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        clients.into_iter().map(join).collect()
    })
}

fn one_client(plan: &Plan, host: Host, start: Instant) -> anyhow::Result<Client> {
    let now = || start.elapsed().as_secs_f64();
    let mut conversation = Conversation::open(host.server, Framing::Line, host.patience)?;
    let (connected, address) = (now(), conversation.local_address()?);
    let mut messages = Vec::new();
    for number in 1..=plan.messages {
        let sent = now();
        conversation.exchange(&format!("message {number}"))?;
        messages.push(Message::new(sent, now(), plan.delay.as_secs_f64()));
    }
    match host.farewell {
        Ending::Bye => conversation.say_bye()?,
        Ending::EndOfInput => conversation.end_input()?,
    }
    Ok(Client { address, connected, messages, left: now() })
}
