//! What kind of server is this? Clients that come, stall and leave show how it serves many; the
//! kernel's tables show what its processes are made of. From this evidence, and from nothing that the
//! server says of itself, follows the verdict.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::unistd::Pid;
use protocol::Framing;
use serde::Serialize;

mod fate;
mod fit;
mod inside;
mod kinds;
mod places;
mod show;
mod signs;
mod stalls;
mod turns;
mod verdict;
mod visitor;

pub use fate::{Fate, Harm};
pub use inside::{Inside, Moment};
pub use kinds::Kind;
pub use places::{Beyond, Places};
pub use show::lines;
pub use stalls::{Behaviour, Stall};
pub use turns::Turns;
pub use verdict::Verdict;

use server_process::sockets;
use visitor::{Host, Visitor};

/// How long it may take but for what does harm.
const LIMIT: Duration = Duration::from_secs(16);

/// How long that may take.
const FOR_HARM: Duration = Duration::from_secs(2);

/// How long the first answer may take.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// How long an answer may take at all: a server that is slower cannot be looked at in the time there is.
const SLOWEST: Duration = Duration::from_millis(1500);

/// How often one client alone asks, to learn how long an answer takes.
const QUESTIONS: usize = 5;

/// How many connections are held when it is looked inside, at most.
const HELD: usize = 32;

/// The server, and how it may be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it listens: an address of this machine.
    pub address: SocketAddr,
    /// How its messages are told apart.
    pub framing: Framing,
    /// Its process; found by its address where it is `None`.
    pub process: Option<Pid>,
    /// Whether its processes are left alone: then only clients are asked, and the kernel's table of
    /// connections.
    pub black_box: bool,
    /// How many connections it may get at a time.
    pub at_most: usize,
    /// Whether what serves a client may be killed, to see who goes with it.
    pub allow_harm: bool,
}

/// What was found out.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// How long an answer takes to a client alone, in seconds: the shortest of a few, for a busy machine
    /// only adds to it.
    pub alone_seconds: f64,
    /// How many others were connected when it began: what they do may be taken for the server's doing.
    pub strangers: Option<usize>,
    /// How many sockets listen at its address.
    pub queues: Option<usize>,
    /// How many are served at once.
    pub places: Places,
    /// What stops it.
    pub stalls: Vec<Stall>,
    /// What work does, where its answers take long enough to tell.
    pub turns: Option<Turns>,
    /// What its processes show.
    pub inside: Option<Inside>,
    /// Why that is not known, where it is not.
    pub not_inside: Option<String>,
    /// Who goes with whom, where it was allowed to find out and the server had recovered from all else.
    pub fates: Option<Vec<Fate>>,
    /// Whether it was allowed, and the server had not.
    pub harm_was_left_out: bool,
}

/// Finds out what kind of server it is. Blocks for 20 seconds at most.
///
/// # Errors
///
/// When it cannot be reached, is not on this machine's loopback, or is no echo server.
pub fn identify(target: &Target) -> anyhow::Result<(Verdict, Evidence)> {
    let Target { address, framing, at_most, .. } = *target;
    ensure!(
        address.ip().to_canonical().is_loopback(),
        "{address} is not a loopback address: run it where the server runs"
    );
    let arrival = Arrival::at(target)?;
    let (mut host, alone) = get_to_know(address, framing)?;
    let places = places::count(&host, at_most, arrival.queues.unwrap_or(1));
    let (process, inside) = arrival.look_inside(&host, &places);
    let gone = || format!("{address} answered at first, and then took no connection any more");
    let turns = turns::look(&host, &places, alone).with_context(gone)?;
    let stalls = stalls::try_all(&host, &places).with_context(gone)?;
    host.deadline += FOR_HARM;
    let is_well = stalls.iter().all(|stall| stall.recovers);
    let fates = (target.allow_harm && is_well)
        .then(|| fate::try_all(&host, &places, process))
        .transpose()?;
    let evidence = Evidence {
        alone_seconds: alone.as_secs_f64(),
        strangers: arrival.strangers,
        queues: arrival.queues,
        places,
        stalls,
        turns,
        not_inside: inside.as_ref().err().cloned(),
        inside: inside.ok(),
        fates,
        harm_was_left_out: target.allow_harm && !is_well,
    };
    Ok((Verdict::of(&evidence), evidence))
}

/// What there is to see before the first client comes.
struct Arrival {
    strangers: Option<usize>,
    queues: Option<usize>,
    /// The server's own process and what it is, or why that is not known.
    process: Result<(Pid, Moment), String>,
}

impl Arrival {
    fn at(target: &Target) -> anyhow::Result<Self> {
        let listeners = sockets::listeners(target.address);
        let known = listeners.as_deref().unwrap_or_default();
        target.process.map_or(Ok(()), |it| sockets::require_listener(it, target.address))?;
        let process = process(target, known).and_then(|process| {
            let moment = Moment::of(process).map_err(|error| error.to_string())?;
            Ok((process, moment))
        });
        let strangers = sockets::connections(target.address).ok();
        Ok(Arrival { strangers, queues: listeners.ok().map(|it| it.len()), process })
    }

    /// The server's own process, and what connections add to it, or why that is not known.
    fn look_inside(&self, host: &Host, places: &Places) -> (Option<Pid>, Result<Inside, String>) {
        let (process, before) = match &self.process {
            Ok((process, before)) => (*process, before.clone()),
            Err(why) => return (None, Err(why.clone())),
        };
        let clients = if places.is_limit { places.to_fill } else { HELD.min(places.served) };
        let inside = inside::look(host, process, before, clients);
        (Some(process), inside.map_err(|error| error.to_string()))
    }
}

/// The server's own process, or why it is not known.
fn process(target: &Target, listeners: &[u64]) -> Result<Pid, String> {
    if target.black_box {
        return Err("its processes were left alone (--black-box)".to_owned());
    }
    let holders = sockets::holders(listeners).map_err(|error| error.to_string())?;
    match target.process {
        Some(process) => Ok(process),
        None => sockets::root(&holders)
            .ok_or_else(|| "its process was not found: it may be another user's".to_owned()),
    }
}

/// Has one client alone ask a few times: is it an echo, and how long does an answer take at best?
fn get_to_know(address: SocketAddr, framing: Framing) -> anyhow::Result<(Host, Duration)> {
    let deadline = Instant::now() + LIMIT;
    let mut host = Host { address, framing, patience: FIRST_ANSWER, deadline };
    let mut times = Vec::new();
    let mut visitor = [host.visit().with_context(|| format!("cannot connect to {address}"))?];
    for _ in 0..QUESTIONS {
        visitor[0].ask();
        host.settle(&mut visitor, FIRST_ANSWER);
        let [Visitor { state, took, .. }] = &visitor;
        ensure!(
            visitor[0].is_answered(),
            "{address} is no echo server: {}",
            show::no_answer(state)
        );
        times.push(*took);
        if times.iter().sum::<Duration>() > Duration::from_secs(1) {
            break;
        }
    }
    host.part_with(visitor.into());
    let shortest = times.iter().min().copied().unwrap_or_default();
    let longest = times.iter().max().copied().unwrap_or_default();
    ensure!(
        longest <= SLOWEST,
        "an answer takes {:.1} seconds: too long to look at it within 20; start it with less delay",
        longest.as_secs_f64()
    );
    host.patience = Duration::from_millis(300) + 2 * longest;
    Ok((host, shortest))
}
