//! Many clients at once: nobody waits because another one is slow, silent or many.

use super::Target;
use super::peer::{Difference, Peer};

/// Has a newcomer ask beside those that are there. `they` says who these are.
fn newcomer_beside(target: &Target, they: &str) -> Result<(), Difference> {
    let answered = Peer::connect(target).and_then(|mut newcomer| newcomer.exchange("hello\n"));
    answered.map_err(|difference| difference.beside(they))
}

pub(super) fn a_hundred(target: &Target) -> Result<(), Difference> {
    let _silent = Peer::connect(target)?;
    let mut peers = Vec::new();
    for number in 1..=100 {
        let mut peer = Peer::connect(target)?;
        peer.send(format!("client {number}\n"));
        peers.push(peer);
    }
    for (number, peer) in (1..).zip(&mut peers) {
        let answered = peer.expect(format!("client {number}\n"));
        answered.map_err(|it| it.beside("a silent client and 99 that stayed"))?;
    }
    newcomer_beside(target, "a silent client and 100 that stayed")
}

pub(super) fn a_thousand_idle(target: &Target) -> Result<(), Difference> {
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(Peer::connect(target).map_err(|it| it.beside("so many idle clients"))?);
    }
    newcomer_beside(target, "1,000 idle clients")
}

pub(super) fn half_a_message(target: &Target) -> Result<(), Difference> {
    let mut amid = Peer::connect(target)?;
    // Once the first is answered the server has seen the half.
    amid.send("a message\nhalf a mess");
    amid.expect("a message\n")?;
    newcomer_beside(target, "a client that stopped amid a message")?;
    amid.send("age\n");
    amid.expect("half a message\n")
}

pub(super) fn unread(target: &Target) -> Result<(), Difference> {
    let mut unread = Peer::connect(target)?;
    unread.stuff();
    newcomer_beside(target, "a client that sends and does not read")
}
