//! Verdict and evidence as a person reads them.

use super::fate::{Fate, Harm};
use super::inside::Inside;
use super::kinds::{Fit, Kind};
use super::places::{Beyond, Places};
use super::stalls::{Behaviour, Stall};
use super::turns::Turns;
use super::visitor::State;
use super::{Evidence, Verdict};
use crate::instruments::waits::Waits;

/// What there is to say where nothing can be done to one client's server alone.
const NOTHING_TO_HARM: &str = "no process serves some clients only, as far as it is known, and it takes no \
    `Panic` and no `Abort`: whatever ends it ends all";

/// The verdict, and then a line for each thing that was found out: what it is of, and what it says.
pub fn lines(verdict: &Verdict, evidence: &Evidence) -> Vec<(&'static str, String)> {
    let mut lines = vec![("verdict", verdict.sentence.clone())];
    lines.extend(verdict.would_decide.clone().map(|what| ("to decide", what)));
    if !verdict.kinds.is_empty() && !verdict.if_limited.is_empty() {
        let others = listed(&verdict.if_limited, |kind| name(kind).to_owned());
        lines.push(("but", format!("{}, {others} would look the same to clients", with(evidence))));
    }
    lines.push(("answers", format!("{} to a client alone", milliseconds(evidence.alone_seconds))));
    lines.push(("at once", at_once(&evidence.places)));
    if let Some(beyond) = &evidence.places.beyond {
        lines.extend(fate_of_those_beyond(beyond));
    }
    lines.extend(evidence.queues.filter(|it| *it > 1).map(|queues| {
        ("listeners", format!("{queues} sockets share the address, each with a queue of its own"))
    }));
    lines.extend(evidence.turns.as_ref().map(|it| ("work", work(it))));
    lines.extend(
        evidence.stalls.iter().map(|it| (heading(it.behaviour), stall(it, &evidence.places))),
    );
    if evidence.stalls.is_empty() {
        lines.push(("not asked", "what stops it: its answers take too long for that".to_owned()));
    }
    match (&evidence.inside, &evidence.not_inside) {
        (Some(inside), _) => lines.extend(inside_lines(inside)),
        (None, why) => lines.extend(why.clone().map(|why| ("processes", why))),
    }
    lines.extend(evidence.fates.iter().flatten().map(|fate| ("fate", told(fate))));
    if evidence.fates.as_ref().is_some_and(Vec::is_empty) {
        lines.push(("fate", NOTHING_TO_HARM.to_owned()));
    }
    lines.extend(evidence.strangers.filter(|it| *it > 0).map(|count| {
        (
            "take care",
            format!("other connections were open ({count}): part of this may be their doing"),
        )
    }));
    if verdict.kinds.is_empty() {
        lines.extend(Kind::ALL.into_iter().filter_map(|kind| match kind.fit(evidence) {
            Fit::Not(objection) => Some(("not", format!("{}: {objection}", name(kind)))),
            _ => None,
        }));
    }
    lines
}

/// The verdict: what it behaves like, how that showed, and what a connection adds.
pub(super) fn sentence(kinds: &[Kind], evidence: &Evidence) -> String {
    let head = match kinds {
        [] => "fits no kind of server that is known here".to_owned(),
        kinds => format!("behaves like {}", listed(kinds, |kind| measured(kind, evidence))),
    };
    let adds = evidence.inside.as_ref().map(|it| format!("; a connection adds {}", added(it)));
    format!("{head}: {}{}", froze(&evidence.places), adds.unwrap_or_default())
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
        Kind::Prefork if served == 1 => "a process made beforehand".to_owned(),
        Kind::Prefork => format!("{served}{more} {}", name(kind)),
        Kind::Pool => format!("{} of {served}{more}", name(kind)),
        Kind::Fork | Kind::Thread => format!("{}{limit}", name(kind)),
        Kind::Loop | Kind::Completions => format!("{}{}{limit}", name(kind), sharing(evidence)),
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Iterative => "an iterative server",
        Kind::Fork => "a process per connection",
        Kind::Prefork => "processes made beforehand",
        Kind::Thread => "a thread per connection",
        Kind::Pool => "a pool",
        Kind::Loop => "an event loop",
        Kind::Completions => "a loop of completions",
    }
}

/// Where a loop runs.
fn sharing(evidence: &Evidence) -> String {
    match evidence.inside.as_ref().map(|it| it.during.family) {
        Some(family) if family.processes > 1 => " in each of several processes".to_owned(),
        Some(family) if family.threads > 1 => {
            format!(" in a process of {} threads", family.threads)
        }
        Some(_) => " in one thread".to_owned(),
        None => String::new(),
    }
}

fn froze(places: &Places) -> String {
    let Places { served, is_limit, .. } = *places;
    let Some(beyond) = places.beyond.as_ref().filter(|_| is_limit) else {
        return format!("{served} clients that stayed were served at once");
    };
    let next = match places.came - served {
        ..=1 => format!("client {}", served + 1),
        _ => format!("clients {} to {}", served + 1, places.came),
    };
    if beyond.turned_away {
        return format!("client {} was turned away while {served} stayed", served + 1);
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
        _ => format!(", in no order ({in_order} of {followed} were first)"),
    };
    format!("{next} froze until {before} left{order}")
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

fn fate_of_those_beyond(beyond: &Beyond) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if beyond.turned_away {
        lines.push(("beyond", "further clients are turned away".to_owned()));
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

fn heading(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::Silent => "silent",
        Behaviour::Half => "half a line",
        Behaviour::Unread => "unread",
        Behaviour::Reset => "reset",
    }
}

fn stall(stall: &Stall, places: &Places) -> String {
    let Stall { behaviour, clients, newcomer_is_served, newcomer_is_turned_away, recovers } =
        *stall;
    let who = match (behaviour, clients) {
        (Behaviour::Reset, _) => return after_a_reset(stall),
        (_, 1) => "a client".to_owned(),
        _ => format!("{clients} clients"),
    };
    let verb = |one: &'static str, many: &'static str| if clients == 1 { one } else { many };
    let what = match behaviour {
        Behaviour::Silent => verb("says nothing", "say nothing"),
        Behaviour::Half => verb("stops amid a message", "stop amid a message"),
        _ => verb("does not read its answers", "do not read their answers"),
    };
    let others = match (newcomer_is_served, places.is_limit) {
        (true, _) => "a newcomer is served",
        (false, true) => "they hold all places, and a newcomer waits",
        (false, false) => "they stop the server, and a newcomer waits",
    };
    let others = if clients == 1 {
        others
            .replace("they hold all places", "it holds the place")
            .replace("they stop", "it stops")
    } else {
        others.to_owned()
    };
    let others = match newcomer_is_turned_away {
        true => others.replace("a newcomer waits", "a newcomer is turned away"),
        false => others,
    };
    let end = if recovers { "" } else { ", and still when they have left" };
    format!("{who} {what}: {others}{end}")
}

fn after_a_reset(stall: &Stall) -> String {
    let others =
        if stall.newcomer_is_served { "a newcomer is served" } else { "nobody is served any more" };
    format!("a client resets its connection amid a message: {others}")
}

fn inside_lines(inside: &Inside) -> Vec<(&'static str, String)> {
    let family = inside.before.family;
    let beforehand = format!(
        "{} with {} before the first client came (process {})",
        counted(family.processes, "process", "processes"),
        counted(family.threads, "thread", "threads"),
        inside.process
    );
    let mut adds = format!(
        "{}, seen with {}",
        added(inside),
        counted(inside.held, "connection", "connections")
    );
    if inside.processes_each() > 0.5 || inside.threads_each() > 0.5 {
        adds += if inside.gives_back() {
            "; given back when they leave"
        } else {
            "; kept when they leave"
        };
    }
    vec![
        ("processes", beforehand),
        ("adds", adds),
        (
            "waits in",
            format!(
                "{}; with connections {}",
                waits(&inside.before.waits),
                waits(&inside.during.waits)
            ),
        ),
    ]
}

/// What a connection adds.
fn added(inside: &Inside) -> String {
    let number = |each: f64, one: &str, many: &str| match each.round() as i64 {
        ..=0 => format!("no {one}"),
        1 => format!("a {one}"),
        count => format!("{count} {many}"),
    };
    let mut parts = vec![
        number(inside.processes_each(), "process", "processes"),
        number(inside.threads_each(), "thread", "threads"),
        number(inside.descriptors_each(), "descriptor", "descriptors"),
    ];
    parts.extend(inside.memory.map(|(user, kernel)| {
        format!("{:.0} KiB", (user + kernel).max(0.0) / 1024.0 / inside.held as f64)
    }));
    parts.join(", ")
}

fn waits(waits: &Waits) -> String {
    let parts: Vec<String> =
        waits.iter().map(|(wait, count)| format!("{count} in {}", wait.call())).collect();
    parts.join(", ")
}

fn told(fate: &Fate) -> String {
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

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn milliseconds(seconds: f64) -> String {
    match seconds * 1e3 {
        few if few < 10.0 => format!("{few:.1} ms"),
        many => format!("{many:.0} ms"),
    }
}
