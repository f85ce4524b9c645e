//! How many are served at once, and what becomes of the others, in words.

use super::Line;
use crate::identify::places::{Beyond, Places};

/// How a limit showed, or that none did, as a part of the verdict.
pub(super) fn froze(places: &Places) -> String {
    let Places { served, is_limit, .. } = *places;
    let Some(beyond) = places.beyond.as_ref().filter(|_| is_limit) else {
        return format!("{served} clients that stayed were served at once");
    };
    let next = match places.came - served {
        ..=1 => format!("client {}", served + 1),
        _ => format!("clients {} to {}", served + 1, places.came),
    };
    if beyond.rejected {
        return format!("client {} was rejected while {served} stayed", served + 1);
    }
    let Beyond { followed, in_order, .. } = *beyond;
    let before = if served == 1 { "client 1".to_owned() } else { format!("one of 1 to {served}") };
    if !places.frees_places() {
        return format!("{next} froze, and was not served when {before} left");
    }
    let order = match followed {
        0 => String::new(),
        _ if in_order == followed => {
            format!(", first come first served ({followed} of {followed})")
        }
        _ => format!(", not in the order in which they came ({in_order} of {followed} were next)"),
    };
    format!("{next} froze until {before} left{order}")
}

/// The same, a line each.
pub(super) fn lines(places: &Places) -> Vec<Line> {
    let mut lines = vec![("at once", at_once(places))];
    lines.extend(places.beyond.as_ref().map(of_those_beyond).unwrap_or_default());
    lines
}

fn at_once(places: &Places) -> String {
    let Places { served, fewest, came, is_limit, .. } = *places;
    match is_limit {
        false => format!("{served} of {came} clients that stayed: no limit was found"),
        true if fewest < served => {
            format!("{fewest} to {served} of {came} clients: chance decides who waits")
        }
        true => format!("{served} of {came} clients that stayed"),
    }
}

fn of_those_beyond(beyond: &Beyond) -> Vec<Line> {
    let mut lines = Vec::new();
    if beyond.rejected {
        lines.push(("beyond", "further clients are rejected".to_owned()));
    }
    if let Some((accepted, of)) = beyond.accepted.filter(|(_, of)| *of > 0) {
        let place = match accepted {
            0 => "in the backlog: the server had accepted none of them".to_owned(),
            _ if accepted == of => "in the server, which had accepted them".to_owned(),
            _ => format!("{accepted} of {of} in the server, the others in the backlog"),
        };
        lines.push(("they wait", place));
    }
    let Beyond { followed, in_order, not_followed, .. } = *beyond;
    if followed + not_followed > 0 {
        let mut order = format!("{followed} times one left and another was served");
        order += &format!(", {in_order} times the one who had waited longest");
        if not_followed > 0 {
            order += &format!("; {not_followed} times nobody was");
        }
        lines.push(("who is next", order));
    }
    lines
}
