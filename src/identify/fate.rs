//! What shares a fate: what serves one client is made to end, and it is seen who else is cut off. It
//! does harm, and is done only where that is allowed.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use server_process::{family, sockets};

use super::places::Places;
use super::visitor::{Host, State, Visitor};

/// How what serves a client is made to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// The process that holds its connection, which is not the server's own, is killed.
    Kill,
    /// It sends `Panic`, which a server under `--allow-crash` takes.
    Panic,
    /// It sends `Abort`.
    Abort,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Fate {
    /// What was done.
    pub harm: Harm,
    /// How many others were connected and served.
    pub others: usize,
    /// How many of them were cut off too.
    pub cut: usize,
    /// Whether a newcomer was served afterwards.
    pub serves_on: bool,
}

/// How many others there are where there is room for them.
const OTHERS: usize = 3;

impl Harm {
    const ALL: [Harm; 3] = [Harm::Panic, Harm::Kill, Harm::Abort];

    /// Does it to what serves this client, where it can be done.
    fn be_done(self, host: &Host, process: Option<Pid>, victim: &mut Visitor) -> io::Result<bool> {
        let end = host.framing.line_end();
        match self {
            Harm::Panic => victim.send(format!("Panic{end}").as_bytes()),
            Harm::Abort => victim.send(format!("Abort{end}").as_bytes()),
            Harm::Kill => match child_that_holds(host, process, victim)? {
                Some(child) => kill(child, Signal::SIGKILL)?,
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// Does each harm that can be done, as long as the server serves. `process` is the server's own.
///
/// # Errors
///
/// When nobody can connect, or a child cannot be killed.
pub(super) fn try_all(host: &Host, places: &Places, process: Option<Pid>) -> io::Result<Vec<Fate>> {
    let mut fates: Vec<Fate> = Vec::new();
    for harm in Harm::ALL {
        if fates.last().is_none_or(|fate| fate.serves_on) && host.has_time_for(4 * host.patience) {
            fates.extend(try_one(host, places, process, harm)?);
        }
    }
    Ok(fates)
}

/// Does it, and returns nothing where it cannot be done, or is plain text to this server.
fn try_one(
    host: &Host,
    places: &Places,
    process: Option<Pid>,
    harm: Harm,
) -> io::Result<Option<Fate>> {
    let mut others = host.ask_by(places.served.min(1 + OTHERS));
    host.settle(&mut others, 2 * host.patience);
    let Some(mut victim) = others.pop().filter(Visitor::is_answered) else { return Ok(None) };
    if !harm.be_done(host, process, &mut victim)? || !finds_its_end(host, &mut victim) {
        others.push(victim);
        host.part_with(others);
        return Ok(None);
    }
    others.iter_mut().for_each(Visitor::ask);
    host.settle(&mut others, 2 * host.patience);
    let cut = others.iter().filter(|it| !it.is_answered()).count();
    let others_count = others.len();
    host.part_with(others);
    let newcomer = host.newcomer().ok();
    let serves_on = newcomer.as_ref().is_some_and(Visitor::is_answered);
    host.part_with(newcomer.into_iter().collect());
    Ok(Some(Fate { harm, others: others_count, cut, serves_on }))
}

/// The process beside the server's own that holds a client's connection.
fn child_that_holds(
    host: &Host,
    process: Option<Pid>,
    client: &Visitor,
) -> io::Result<Option<Pid>> {
    let Some(process) = process else { return Ok(None) };
    let ends: Vec<_> =
        sockets::server_ends(host.address, &[client.local])?.into_iter().flatten().collect();
    let holders = sockets::holders(&ends)?;
    let children = family::processes(process)?;
    let is_child = |it: &Pid| *it != process && children.contains(it);
    Ok(holders.into_iter().map(|(holder, _)| holder).find(is_child))
}

/// Whether its connection ends, and not with an echo instead.
fn finds_its_end(host: &Host, victim: &mut Visitor) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < host.patience {
        victim.look();
        match &victim.state {
            State::Gone(how) => return !how.contains("no echo"),
            _ => thread::sleep(Duration::from_millis(2)),
        }
    }
    false
}
