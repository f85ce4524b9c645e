//! Verdict and evidence as a person reads them.

use super::fate::{Fate, Harm};
use super::fit::Fit;
use super::kinds::Kind;
use super::places::Places;
use super::stalls::Behaviour;
use super::turns::Turns;
use super::visitor::State;
use super::{Evidence, Verdict};

mod inside;
mod places;
mod stalls;

/// What there is to say where nothing could be done to one client's server alone.
const NOTHING_TO_HARM: &str = "nothing could be done to one client alone: no other process is known to hold its \
    connection, and `Panic` and `Abort` did not end it";

/// What there is to say where it was allowed, and not done.
const HARM_LEFT_OUT: &str =
    "nothing was harmed: the server had not recovered from what was asked before";

/// What a line is of, and what it says.
pub(super) type Line = (&'static str, String);

/// The verdict, and then a line for each thing that was found out.
pub fn lines(verdict: &Verdict, evidence: &Evidence) -> Vec<Line> {
    let mut lines = on_the_verdict(verdict, evidence);
    lines.push(("answers", format!("{} to a client alone", milliseconds(evidence.alone_seconds))));
    lines.extend(places::lines(&evidence.places));
    lines.extend(evidence.queues.filter(|it| *it > 1).map(|queues| {
        ("listeners", format!("{queues} sockets share the address, each with a queue of its own"))
    }));
    lines.extend(evidence.turns.as_ref().map(|it| ("work", work(it))));
    let is_limit = evidence.places.is_limit;
    lines.extend(evidence.stalls.iter().map(|it| stalls::line(it, is_limit)));
    if evidence.stalls.iter().all(|it| it.behaviour != Behaviour::Reset) {
        lines.push((
            "not asked",
            "all that stops it: its answers take too long for that".to_owned(),
        ));
    }
    match (&evidence.inside, &evidence.not_inside) {
        (Some(inside), _) => lines.extend(inside::lines(inside)),
        (None, why) => lines.extend(why.clone().map(|why| ("processes", why))),
    }
    lines.extend(on_harm(evidence));
    lines.extend(evidence.strangers.filter(|it| *it > 0).map(|count| {
        let care =
            format!("other connections were open ({count}): part of this may be their doing");
        ("take care", care)
    }));
    lines
}

/// The verdict, and what stands beside it: what would decide, what looks the same, why nothing fits.
fn on_the_verdict(verdict: &Verdict, evidence: &Evidence) -> Vec<Line> {
    let mut lines = vec![("verdict", verdict.sentence.clone())];
    lines.extend(verdict.would_decide.clone().map(|what| ("to decide", what)));
    if !verdict.kinds.is_empty() && !verdict.unusual.is_empty() {
        let others = listed(&verdict.unusual, |kind| name(kind).to_owned());
        lines.push(("but", format!("{}, {others} would look the same to clients", with(evidence))));
    }
    if verdict.kinds.is_empty() {
        lines.extend(Kind::ALL.into_iter().filter_map(|kind| match kind.fit(evidence) {
            Fit::Not(objection) => Some(("not", format!("{}: {objection}", name(kind)))),
            _ => None,
        }));
    }
    lines
}

fn on_harm(evidence: &Evidence) -> Vec<Line> {
    let told = |what: &str| vec![("fate", what.to_owned())];
    match &evidence.fates {
        None if evidence.harm_was_left_out => told(HARM_LEFT_OUT),
        None => Vec::new(),
        Some(fates) if fates.is_empty() => told(NOTHING_TO_HARM),
        Some(fates) => fates.iter().map(|fate| ("fate", fate_of(fate))).collect(),
    }
}

/// The verdict: what it behaves like, how that showed, and what a connection adds.
pub(super) fn sentence(kinds: &[Kind], evidence: &Evidence) -> String {
    let head = match kinds {
        [] => "fits no kind of server that is known here".to_owned(),
        kinds => format!("behaves like {}", listed(kinds, |kind| measured(kind, evidence))),
    };
    let adds =
        evidence.inside.as_ref().map(|it| format!("; a connection adds {}", inside::added(it)));
    format!("{head}: {}{}", places::froze(&evidence.places), adds.unwrap_or_default())
}

/// What makes other kinds look the same.
fn with(evidence: &Evidence) -> String {
    let Places { served, is_limit, .. } = evidence.places;
    match (is_limit, evidence.is_one_by_one()) {
        (_, true) => "with a lock around their work".to_owned(),
        (true, _) => format!("with a limit of {served}"),
        (false, _) => format!("with {served} workers or more"),
    }
}

/// Why there is no answer.
pub(super) fn no_answer(state: &State) -> String {
    match state {
        State::Gone(how) => format!("to a message came {how}"),
        _ => {
            "a message was not answered within 5 seconds (or others hold all its places)".to_owned()
        }
    }
}

fn listed(kinds: &[Kind], name: impl Fn(Kind) -> String) -> String {
    let names: Vec<String> = kinds.iter().map(|kind| name(*kind)).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// A kind, and how much of it there is.
fn measured(kind: Kind, evidence: &Evidence) -> String {
    let Places { served, is_limit, .. } = evidence.places;
    let more = if is_limit { "" } else { " or more" };
    let limit = if is_limit { format!(", at most {served} at once") } else { String::new() };
    match kind {
        Kind::Iterative => name(kind).to_owned(),
        Kind::Prefork if served == 1 => "a process made in advance".to_owned(),
        Kind::Prefork => format!("{served}{more} {}", name(kind)),
        Kind::Pool => format!("{} of {served}{more}", name(kind)),
        Kind::Fork | Kind::Thread => format!("{}{limit}", name(kind)),
        Kind::Loop | Kind::Completions => {
            format!("{}{}{limit}", name(kind), inside::sharing(evidence.inside.as_ref()))
        }
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Iterative => "an iterative server",
        Kind::Fork => "a process per connection",
        Kind::Prefork => "processes made in advance",
        Kind::Thread => "a thread per connection",
        Kind::Pool => "a pool",
        Kind::Loop => "an event loop",
        Kind::Completions => "a loop of completions",
    }
}

fn work(turns: &Turns) -> String {
    let Turns { clients, first_seconds, last_seconds, one_by_one, together, .. } = *turns;
    let [first, last] = [first_seconds, last_seconds].map(milliseconds);
    if !turns.is_work() {
        return format!(
            "{clients} that asked at once had their answers after {first} to {last}, as one alone: \
             the server waits for something, and computes little"
        );
    }
    let how = match one_by_one {
        true => "one after the other was worked for".to_owned(),
        false => format!("{together} of them ended together, by turns"),
    };
    format!(
        "{clients} asked at once, the first had its answer after {first}, the last after {last}: {how}"
    )
}

fn fate_of(fate: &Fate) -> String {
    let Fate { harm, others, cut, serves_on } = *fate;
    let what = match harm {
        Harm::Kill => "the process that served a client was killed",
        Harm::Panic => "a client's handler panicked",
        Harm::Abort => "a client's handler aborted its process",
    };
    let others = match others {
        0 => String::new(),
        _ => format!(" {cut} of {others} others were cut off with it;"),
    };
    let on = if serves_on { "a newcomer was served" } else { "nobody was served any more" };
    format!("{what}:{others} {on}")
}

fn milliseconds(seconds: f64) -> String {
    match seconds * 1e3 {
        few if few < 10.0 => format!("{few:.1} ms"),
        many => format!("{many:.0} ms"),
    }
}
