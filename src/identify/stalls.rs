//! What clients do that are no trouble to one server and stop another: they are silent, stop in the
//! middle of a message, do not read, or reset their connection.

use std::io;

use protocol::Framing;
use serde::Serialize;

use super::places::Places;
use super::visitor::{Host, Visitor};

/// What a client does, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// It comes and sends nothing.
    Silent,
    /// It stops in the middle of a message.
    Half,
    /// It sends and does not read.
    Unread,
    /// It resets its connection.
    Reset,
}

/// What such clients did to others.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stall {
    /// What they did.
    pub behaviour: Behaviour,
    /// How many of them there were: as many as there are places, or a few where there is no limit.
    pub clients: usize,
    /// Whether a newcomer was served meanwhile.
    pub newcomer_is_served: bool,
    /// Whether it was rejected, in the place of being let wait.
    pub newcomer_is_rejected: bool,
    /// Whether one was when they had left.
    pub recovers: bool,
}

/// How many there are where a server has no limit.
const A_FEW: usize = 8;

impl Behaviour {
    /// Those that are asked for, the most harmful last.
    pub(super) const ALL: [Behaviour; 4] =
        [Behaviour::Silent, Behaviour::Half, Behaviour::Unread, Behaviour::Reset];

    fn is_possible(self, framing: Framing) -> bool {
        // What one read returns is a message there, and none is ever half.
        self != Behaviour::Half || framing == Framing::Line
    }

    fn show(self, host: &Host, visitors: &mut [Visitor]) {
        match self {
            Behaviour::Silent => {}
            Behaviour::Half | Behaviour::Reset => visitors.iter_mut().for_each(Visitor::ask_half),
            Behaviour::Unread => host.stuff(visitors),
        }
    }
}

impl Stall {
    /// A reset that ended the server.
    fn the_last(clients: usize) -> Self {
        Stall {
            behaviour: Behaviour::Reset,
            clients,
            newcomer_is_served: false,
            newcomer_is_rejected: false,
            recovers: false,
        }
    }
}

/// Lets clients behave so, as far as there is time, and sees whether others are served.
///
/// # Errors
///
/// When nobody can connect any more.
pub(super) fn try_all(host: &Host, places: &Places) -> io::Result<Vec<Stall>> {
    let possible = Behaviour::ALL.into_iter().filter(|it| it.is_possible(host.framing));
    let mut stalls = Vec::new();
    for behaviour in possible {
        if host.has_time_for(4 * host.patience) {
            stalls.push(try_one(host, behaviour, places)?);
        }
    }
    Ok(stalls)
}

fn try_one(host: &Host, behaviour: Behaviour, places: &Places) -> io::Result<Stall> {
    let clients = if places.is_limit { places.to_fill } else { A_FEW.min(places.served) };
    let clients = if behaviour == Behaviour::Reset { 1 } else { clients };
    let mut visitors: Vec<Visitor> = (0..clients).map_while(|_| host.visit().ok()).collect();
    behaviour.show(host, &mut visitors);
    if behaviour == Behaviour::Reset {
        visitors.drain(..).for_each(Visitor::reset);
    }
    // It may be no more: the reset was the last that it heard.
    let ended = |error| if behaviour == Behaviour::Reset { Ok(None) } else { Err(error) };
    let Some(newcomer) = host.newcomer().map(Some).or_else(ended)? else {
        return Ok(Stall::the_last(clients));
    };
    let mut newcomer = [newcomer];
    let newcomer_is_served = newcomer[0].is_answered();
    let newcomer_is_rejected = !newcomer_is_served && !newcomer[0].is_waiting();
    host.part_with(visitors);
    if newcomer_is_rejected {
        let Some(next) = host.newcomer().map(Some).or_else(ended)? else {
            return Ok(Stall::the_last(clients));
        };
        newcomer = [next];
    }
    host.settle(&mut newcomer, 2 * host.patience);
    let recovers = newcomer[0].is_answered();
    host.part_with(newcomer.into());
    Ok(Stall { behaviour, clients, newcomer_is_served, newcomer_is_rejected, recovers })
}
