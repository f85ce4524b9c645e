//! A scene: clients that each play a part with one server, recorded from all sides. What a client cannot know, the
//! server's log tells, and where there is none, the kernel.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use client::conversation::{Conversation, connect};
use client::failure::Failure;
use nix::unistd::Pid;
use protocol::Framing;
use server_core::{AtOnce, Ending};

use super::files::recording_of;
use crate::kernel::backlog::BacklogWatch;
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::{Clock, Event, Recorded, Recording, What};

mod told;

pub(super) use told::microseconds;
use told::{FromServer, Happened, merge, told};

/// What a client does.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// It comes so long after the first, sends messages one after the other with a pause behind each, and leaves.
    Talks { after: Duration, messages: Vec<String>, pause: Duration },
    /// It comes at once, and sends a message that never becomes whole, a byte each time, until the server has enough
    /// of it, or for so long.
    Drips { every: Duration, longest: Duration },
}

/// How long a client may have to wait for everybody before it.
const PATIENCE: Duration = Duration::from_secs(300);

/// The same of a server that is not ours, and may hang.
const PATIENCE_WITH_ANY: Duration = Duration::from_secs(15);

/// How long a process that has died under its clients may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// What a client lived through, by the clock of the recording.
#[derive(Debug)]
struct Account {
    address: Option<SocketAddr>,
    /// When it asked for a connection.
    began: u64,
    happened: Happened,
    /// What it did not expect.
    failure: Option<Failure>,
}

/// A scene as it was played.
pub(super) struct Played {
    process: Option<i32>,
    accounts: Vec<Account>,
    from_server: FromServer,
}

/// Plays a scene with a new server, which has all its options. All clients begin together. Blocks until the last of
/// them has left and the server has ended.
///
/// # Errors
///
/// When the server fails. What fails a client is a part of the scene.
pub(super) fn play(lab: &Lab, contestant: &Contestant, parts: &[Part]) -> anyhow::Result<Played> {
    let clock = Clock::start();
    match contestant.keeps_a_log() {
        true => with_its_log(lab, contestant, parts, clock),
        false => without_a_log(lab, contestant, parts, clock),
    }
}

fn with_its_log(
    lab: &Lab,
    contestant: &Contestant,
    parts: &[Part],
    clock: Clock,
) -> anyhow::Result<Played> {
    let (mut server, log) = lab.start_with_log(contestant)?;
    let process = Some(server.process().as_raw());
    let (farewell, patience) = (Ending::Bye, PATIENCE);
    let host = Host { server: server.address(), farewell, patience, watch: None };
    let accounts = perform(parts, host, clock);
    // Where a client's connection has died, the whole server may have.
    let has_died = |it: &Account| matches!(it.happened.last(), Some((_, What::Died { .. })));
    let grace = if accounts.iter().any(has_died) { GRACE } else { Duration::ZERO };
    match server.wait_within(grace)? {
        None => lab.stop(contestant, server)?,
        Some(_) => drop(server),
    }
    clock.check()?;
    Ok(Played { process, accounts, from_server: told(&log.read()?, clock) })
}

fn without_a_log(
    lab: &Lab,
    contestant: &Contestant,
    parts: &[Part],
    clock: Clock,
) -> anyhow::Result<Played> {
    let server = lab.open(contestant)?;
    let process = server.process().map(Pid::as_raw);
    let patience = if contestant.foreign.is_none() { PATIENCE } else { PATIENCE_WITH_ANY };
    let (address, farewell) = (server.address(), server.farewell());
    let watch = BacklogWatch::of(address);
    let host = Host { server: address, farewell, patience, watch: Some(&watch) };
    let accounts = perform(parts, host, clock);
    let accepted = watch.finish().into_iter();
    lab.close(contestant, server)?;
    let from_server =
        accepted.map(|(client, moment)| (client, vec![(clock.at(moment), What::Accepted)]));
    Ok(Played { process, accounts, from_server: from_server.collect() })
}

/// Plays scenes under each contestant that keeps a log, one for each variant, in which the server works for so long on
/// each message. `set` says how a scene is called, with which options the server runs, and who plays in it.
///
/// # Errors
///
/// When a server fails.
pub(super) fn record_each<V: Copy>(
    experiment: &str,
    lab: &Lab,
    work: Duration,
    variants: &[V],
    set: impl Fn(Contestant, V) -> (String, Contestant, Vec<Part>),
) -> anyhow::Result<Recording> {
    let mut recording = recording_of(experiment, Vec::new());
    for contestant in lab.contestants.iter().filter(|it| it.keeps_a_log()) {
        for variant in variants {
            let (name, contestant, parts) = set(contestant.clone().waiting(work), *variant);
            let played = play(lab, &contestant, &parts).with_context(|| name.clone())?;
            let (recorded, events) = played.recorded(&name, &contestant);
            recording.head.servers.push(Recorded { waits: microseconds(work), ..recorded });
            recording.events.extend(events);
        }
    }
    Ok(recording)
}

impl Played {
    /// What a client did not expect, if one did not.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        self.accounts.iter_mut().find_map(|it| it.failure.take())
    }

    /// Numbers the clients in the order in which they were answered first, and not in that of their parts.
    pub(super) fn in_order_of_answers(mut self) -> Self {
        let first = |it: &Account| {
            let is_answer = |(_, what): &&(u64, What)| matches!(what, What::Answered { .. });
            it.happened.iter().find(is_answer).map_or(u64::MAX, |(at, _)| *at)
        };
        self.accounts.sort_by_key(first);
        self
    }

    /// The server, under this name, and what happened since the first client asked for a connection.
    pub(super) fn recorded(self, name: &str, contestant: &Contestant) -> (Recorded, Vec<Event>) {
        let has_workers = contestant.model.at_once == AtOnce::Workers;
        let recorded = Recorded {
            name: name.to_owned(),
            colour: contestant.colour.to_owned(),
            process: self.process,
            workers: contestant.number("--workers").filter(|_| has_workers),
            ..Recorded::default()
        };
        (recorded, self.events(name))
    }

    fn events(self, server: &str) -> Vec<Event> {
        let began = self.accounts.iter().map(|it| it.began).min().unwrap_or_default();
        let mut events = Vec::new();
        for (number, account) in (1..).zip(self.accounts) {
            let told = account.address.and_then(|address| self.from_server.get(&address));
            let happened = merge(account.happened, told).into_iter();
            events.extend(happened.map(|(at, what)| Event {
                at: at.saturating_sub(began),
                server: server.to_owned(),
                client: Some(number),
                what,
            }));
        }
        events.sort_by_key(|it: &Event| it.at);
        events
    }
}

/// The server, and how the clients talk to it.
#[derive(Clone, Copy)]
struct Host<'a> {
    server: SocketAddr,
    farewell: Ending,
    patience: Duration,
    /// Who looks when each client is accepted, where the server does not tell.
    watch: Option<&'a BacklogWatch>,
}

impl Host<'_> {
    /// Notes that a client has come from this address.
    fn has_come(&self, account: &mut Account, address: SocketAddr, clock: Clock) {
        account.address = Some(address);
        account.happened.push((clock.now(), What::Comes));
        if let Some(watch) = self.watch {
            watch.follow(address);
        }
    }
}

/// All clients, each in a thread of its own.
fn perform(parts: &[Part], host: Host<'_>, clock: Clock) -> Vec<Account> {
    let gate = &Barrier::new(parts.len());
    thread::scope(|scope| {
        let client = |part| {
            scope.spawn(move || {
                gate.wait();
                one_client(part, host, clock)
            })
        };
        let clients: Vec<_> = parts.iter().map(client).collect();
        let join = |client: thread::ScopedJoinHandle<'_, _>| {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        clients.into_iter().map(join).collect()
    })
}

fn one_client(part: &Part, host: Host<'_>, clock: Clock) -> Account {
    if let Part::Talks { after, .. } = part {
        thread::sleep(*after);
    }
    let began = clock.now();
    let mut account = Account { address: None, began, happened: Vec::new(), failure: None };
    let failed = match part {
        Part::Talks { messages, pause, .. } => talk(&mut account, messages, *pause, host, clock),
        Part::Drips { every, longest } => drip(&mut account, *every, *longest, host, clock),
    };
    let what = match &failed {
        Ok(()) => What::Ended { why: "the connection has ended".to_owned() },
        Err(Failure::Refused) => What::Refused,
        Err(failure) => What::Died { how: failure.short().to_owned() },
    };
    account.happened.push((clock.now(), what));
    account.failure = failed.err();
    account
}

fn talk(
    account: &mut Account,
    messages: &[String],
    pause: Duration,
    host: Host<'_>,
    clock: Clock,
) -> Result<(), Failure> {
    let opened = Conversation::open(host.server, Framing::Line, host.patience);
    let mut conversation = opened.map_err(|none| none.failure)?;
    let address = conversation.local_address().map_err(Failure::Other)?;
    host.has_come(account, address, clock);
    for (message, text) in (1..).zip(messages) {
        account.happened.push((clock.now(), What::Asks { message }));
        conversation.exchange(text)?;
        account.happened.push((clock.now(), What::Answered { message }));
        thread::sleep(pause);
    }
    match host.farewell {
        Ending::Bye => conversation.say_bye(),
        Ending::EndOfInput => conversation.end_input(),
    }
}

/// Sends a message that the server never has all of.
fn drip(
    account: &mut Account,
    every: Duration,
    longest: Duration,
    host: Host<'_>,
    clock: Clock,
) -> Result<(), Failure> {
    let mut stream = connect(host.server, host.patience).map_err(|none| none.failure)?;
    let address = stream.local_addr().map_err(Failure::Other)?;
    host.has_come(account, address, clock);
    account.happened.push((clock.now(), What::Drips));
    stream.set_read_timeout(Some(every)).map_err(Failure::Other)?;
    let end = Instant::now() + longest;
    while Instant::now() < end {
        stream.write_all(b"x")?;
        // The server's log says why.
        if has_ended(&mut stream)? {
            break;
        }
    }
    Ok(())
}

/// Whether the server ends the connection before the time-out. What it says until then is ignored.
fn has_ended(stream: &mut TcpStream) -> Result<bool, Failure> {
    match stream.read(&mut [0; 256]) {
        Ok(count) => Ok(count == 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}
