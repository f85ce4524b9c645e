//! The play: a server, and clients that all come at once, recorded from all sides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use client::conversation::Conversation;
use nix::unistd::Pid;
use protocol::Framing;
use server_core::{AtOnce, Ending};

use crate::kernel::backlog::BacklogWatch;
use crate::measure::lab::{Lab, Running};
use crate::models::Contestant;
use crate::recording::{Clock, Event, Recorded, What};
use crate::servers::log::{Line, Told};

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

/// What one client lived through, by the clock of the recording.
struct Client {
    address: SocketAddr,
    /// When it asked for a connection.
    began: u64,
    /// When its connection was established. A backlog is enough for that.
    came: u64,
    /// When each message was sent and answered.
    messages: Vec<(u64, u64)>,
    /// When the server had closed the connection after `Bye`.
    left: u64,
}

/// Plays it to one server, and records what happens. The clients have their numbers in the order in which they were
/// answered first.
pub(super) fn record(
    plan: &Plan,
    lab: &Lab,
    contestant: &Contestant,
) -> anyhow::Result<(Recorded, Vec<Event>)> {
    let compute = humantime::format_duration(plan.compute);
    let contestant = contestant.clone().waiting(plan.delay).with_workers(plan.workers);
    let contestant = contestant.with("--compute", compute);
    let clock = Clock::start();
    let (process, mut clients, from_server) = match contestant.keeps_a_log() {
        true => with_its_log(plan, lab, &contestant, clock)?,
        false => with_the_kernel_s_word(plan, lab, &contestant, clock)?,
    };
    clients.sort_by_key(|it| it.messages.first().map_or(it.left, |(_, answered)| *answered));
    let has_workers = contestant.model.at_once == AtOnce::Workers;
    let recorded = Recorded {
        name: contestant.name.clone(),
        colour: contestant.colour.to_owned(),
        process,
        workers: contestant.number("--workers").filter(|_| has_workers),
        waits: microseconds(plan.delay),
        computes: microseconds(plan.compute),
    };
    Ok((recorded, events(&contestant.name, &clients, &from_server)))
}

/// All that happened, since the first client asked for a connection.
fn events(server: &str, clients: &[Client], from_server: &FromServer) -> Vec<Event> {
    let began = clients.iter().map(|it| it.began).min().unwrap_or_default();
    let mut events: Vec<Event> = Vec::new();
    for (number, client) in (1..).zip(clients) {
        let happened = merge(client.tell(), from_server.get(&client.address)).into_iter();
        events.extend(happened.map(|(at, what)| Event {
            at: at.saturating_sub(began),
            server: server.to_owned(),
            client: Some(number),
            what,
        }));
    }
    events.sort_by_key(|it| it.at);
    events
}

/// What happened to one client, and when.
type Happened = Vec<(u64, What)>;

/// What happened to each client, of what it does not know itself.
type FromServer = HashMap<SocketAddr, Happened>;

/// All clients at once, with what the server's log tells of them.
fn with_its_log(
    plan: &Plan,
    lab: &Lab,
    contestant: &Contestant,
    clock: Clock,
) -> anyhow::Result<(Option<i32>, Vec<Client>, FromServer)> {
    let (server, log) = lab.start_with_log(contestant)?;
    let process = server.process().as_raw();
    let host = Host { server: server.address(), farewell: Ending::Bye, patience: PATIENCE };
    let clients = converse(plan, host, clock)?;
    lab.stop(contestant, server)?;
    clock.check()?;
    let mut told = FromServer::new();
    for line in log.read()? {
        let of_client = told.entry(line.client).or_default();
        of_client.extend(
            what(&line, of_client, plan)
                .map(|(before, what)| (clock.at_wall(line.at).saturating_sub(before), what)),
        );
    }
    Ok((Some(process), clients, told))
}

/// What a line of the log tells beyond what has been told of the same client, and by how many microseconds it began
/// before it was told.
fn what(line: &Line, before: &Happened, plan: &Plan) -> Option<(u64, What)> {
    let count = |is_it: fn(&What) -> bool| before.iter().filter(|(_, what)| is_it(what)).count();
    let at_once = |what| Some((0, what));
    match &line.told {
        Told::Accepted => at_once(What::Accepted),
        Told::Connected => at_once(What::Served { who: line.who.clone()? }),
        Told::Message => {
            let message = count(|it| matches!(it, What::Taken { .. })) + 1;
            // The last one is `Bye`.
            at_once(What::Taken { message }).filter(|_| message <= plan.messages)
        }
        Told::Computed(within) => {
            let message = count(|it| matches!(it, What::Computing { .. })) + 1;
            let microseconds = microseconds(*within);
            Some((microseconds, What::Computing { message, microseconds }))
        }
        Told::Closed(why) => at_once(What::Ended { why: why.clone() }),
    }
}

/// All clients at once, with what the kernel tells of a server without a log.
fn with_the_kernel_s_word(
    plan: &Plan,
    lab: &Lab,
    contestant: &Contestant,
    clock: Clock,
) -> anyhow::Result<(Option<i32>, Vec<Client>, FromServer)> {
    let server = lab.open(contestant)?;
    let process = server.process().map(Pid::as_raw);
    let watch = BacklogWatch::of(server.address());
    let clients = converse(plan, Host::of(&server, contestant), clock)?;
    let accepted = watch.finish();
    lab.close(contestant, server)?;
    let told = accepted.into_iter();
    let told = told.map(|(client, moment)| (client, vec![(clock.at(moment), What::Accepted)]));
    Ok((process, clients, told.collect()))
}

impl Client {
    /// What it knows itself.
    fn tell(&self) -> Happened {
        let messages = (1..).zip(&self.messages).flat_map(|(message, &(sent, answered))| {
            [(sent, What::Asks { message }), (answered, What::Answered { message })]
        });
        let why = "the connection has ended".to_owned();
        let end = (self.left, What::Ended { why });
        [(self.came, What::Comes)].into_iter().chain(messages).chain([end]).collect()
    }
}

/// What a client and the server tell of the same connection, in the order of time. It came before it was accepted, also
/// where a busy machine has told it so late; and it has ended when the client knows, for the server's reason.
fn merge(client: Happened, server: Option<&Happened>) -> Happened {
    let mut all = client;
    for (at, what) in server.into_iter().flatten() {
        match (what, all.last_mut()) {
            (What::Ended { .. }, Some((_, end))) => *end = what.clone(),
            _ => all.insert(all.len() - 1, (*at, what.clone())),
        }
    }
    let first = all.iter().map(|(at, _)| *at).min().unwrap_or_default();
    all[0].0 = first;
    all.sort_by_key(|(at, _)| *at);
    all
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// All clients at once, each in a thread of its own.
fn converse(plan: &Plan, host: Host, clock: Clock) -> anyhow::Result<Vec<Client>> {
    let gate = Barrier::new(plan.clients);
    let client = || {
        gate.wait();
        one_client(plan, host, clock)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients).map(|_| scope.spawn(client)).collect();
        let join = |client: thread::ScopedJoinHandle<'_, _>| {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        clients.into_iter().map(join).collect()
    })
}

fn one_client(plan: &Plan, host: Host, clock: Clock) -> anyhow::Result<Client> {
    let began = clock.now();
    let mut conversation = Conversation::open(host.server, Framing::Line, host.patience)?;
    let (came, address) = (clock.now(), conversation.local_address()?);
    let mut messages = Vec::new();
    for number in 1..=plan.messages {
        let sent = clock.now();
        conversation.exchange(&format!("message {number}"))?;
        messages.push((sent, clock.now()));
    }
    match host.farewell {
        Ending::Bye => conversation.say_bye()?,
        Ending::EndOfInput => conversation.end_input()?,
    }
    Ok(Client { address, began, came, messages, left: clock.now() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let address = ([127, 0, 0, 1], 7).into();
        Client { address, began: 100, came: 120, messages: vec![(130, 400)], left: 450 }
    }

    /// What happened to the client, by what the server has told at these moments.
    fn happened(told: &[(u64, What)]) -> Vec<(u64, What)> {
        let from_server = FromServer::from([(client().address, told.to_vec())]);
        let events = events("thread", &[client()], &from_server);
        events.into_iter().map(|it| (it.at, it.what)).collect()
    }

    #[test]
    fn client_and_server_tell_one_story_and_the_server_says_why_it_ended() {
        let (who, why) = ("thread 1".to_owned(), "the client said Bye".to_owned());
        let told = [
            (125, What::Accepted),
            (140, What::Served { who: who.clone() }),
            (150, What::Taken { message: 1 }),
            (440, What::Ended { why: why.clone() }),
        ];
        let expected = [
            (20, What::Comes),
            (25, What::Accepted),
            (30, What::Asks { message: 1 }),
            (40, What::Served { who }),
            (50, What::Taken { message: 1 }),
            (300, What::Answered { message: 1 }),
            (350, What::Ended { why }),
        ];
        assert_eq!(happened(&told), expected);
    }

    #[test]
    fn nobody_is_accepted_before_it_comes_also_where_it_learned_of_it_late() {
        let happened = happened(&[(110, What::Accepted)]);
        assert_eq!(happened[..2], [(10, What::Comes), (10, What::Accepted)]);
        let end = What::Ended { why: "the connection has ended".to_owned() };
        assert_eq!(happened.last(), Some(&(350, end)));
    }

    #[test]
    fn the_last_message_is_bye_and_a_computation_began_before_it_was_told() {
        let plan = Plan {
            clients: 1,
            messages: 1,
            delay: Duration::ZERO,
            compute: Duration::from_millis(1),
            workers: 1,
        };
        let line = |told| Line {
            at: std::time::SystemTime::UNIX_EPOCH,
            client: client().address,
            who: None,
            told,
        };
        let message = line(Told::Message);
        let first = what(&message, &Vec::new(), &plan);
        assert_eq!(first, Some((0, What::Taken { message: 1 })));
        assert_eq!(what(&message, &vec![(0, What::Taken { message: 1 })], &plan), None);
        let computed = line(Told::Computed(Duration::from_micros(9)));
        let computing = What::Computing { message: 1, microseconds: 9 };
        assert_eq!(what(&computed, &Vec::new(), &plan), Some((9, computing)));
    }
}
