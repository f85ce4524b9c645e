//! What stops it, in words.

use super::Line;
use crate::identify::stalls::{Behaviour, Stall};

/// A line on one behaviour. `is_limit` says whether there is a limit to how many are served.
pub(super) fn line(stall: &Stall, is_limit: bool) -> Line {
    match stall.behaviour {
        Behaviour::Silent => ("silent", told(stall, is_limit, "says nothing", "say nothing")),
        Behaviour::Half => {
            ("half a line", told(stall, is_limit, "stops amid a message", "stop amid a message"))
        }
        Behaviour::Unread => (
            "unread",
            told(stall, is_limit, "does not read its answers", "do not read their answers"),
        ),
        Behaviour::Reset => ("reset", after_a_reset(stall)),
    }
}

/// What clients did, as one does it and as several do, and what came of it.
fn told(stall: &Stall, is_limit: bool, one_does: &str, several_do: &str) -> String {
    let clients = stall.clients;
    let who = match clients {
        1 => format!("a client {one_does}"),
        _ => format!("{clients} clients {several_do}"),
    };
    if stall.newcomer_is_served {
        return format!("{who}: a newcomer is served");
    }
    let hold = match (is_limit, clients) {
        (true, 1) => "it holds the place",
        (true, _) => "they hold all places",
        (false, 1) => "it stops the server",
        (false, _) => "they stop the server",
    };
    let newcomer = if stall.newcomer_is_rejected { "is rejected" } else { "waits" };
    let end = if stall.recovers { "" } else { ", also when they have left" };
    format!("{who}: {hold}, and a newcomer {newcomer}{end}")
}

fn after_a_reset(stall: &Stall) -> String {
    let others =
        if stall.newcomer_is_served { "a newcomer is served" } else { "nobody is served any more" };
    format!("a client resets its connection amid a message: {others}")
}
