//! What an overload shows of its figures.

use super::{
    ANSWERED, Came, DUE, FAILED, GAVE_UP, KIND, MAX_WAIT, MEDIAN, MOST, P99, PATIENCE, TURNED,
    WAITING, WAITING_FOR, Work, computing_for,
};
use crate::results::number::{NOTHING, listed, short, short_or_nothing};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table};
use crate::results::{Figure, Results, View};

pub(super) fn section(results: &Results) -> Section {
    let mut section = Section { method: method(results), ..Section::default() };
    for kind in Work::ALL.map(Work::name) {
        let view = results.view().at(KIND, kind);
        if view.is_empty() {
            continue;
        }
        let answered = format!("Clients answered a second, where the work is {kind}");
        let latency = format!(
            "Median latency, ms, of those who were answered or gave up after 1,000; {kind}"
        );
        let answered = plot(&view, &answered, "answered a second", &ANSWERED);
        let latency = plot(&view, &latency, "ms", &MEDIAN);
        section.pictures.extend([answered, latency].into_iter().flatten());
        section.tables.push(table(&view, &format!("The work is {kind}")));
        section.sentences.extend(who_kept_up(&view, kind));
        let servers = view.servers();
        let behind = servers.iter().filter_map(|(name, view)| behind(name, view, kind));
        section.sentences.extend(behind);
    }
    section.sentences.extend(what_helps(results));
    section
}

/// A figure of each server over the rates, and of answers also where all would be answered who come.
fn plot(view: &View<'_>, title: &str, unit: &str, figure: &Figure<Came>) -> Option<Picture> {
    let point = |x, view: &View<'_>| Point::exact(x, view.median(figure.name));
    let mut lines = view.lines(DUE, point);
    if figure.name == ANSWERED.name {
        let rates = view.values(DUE).into_iter().map(|rate| rate.number());
        let all = rates.filter_map(|rate| Point::exact(rate, Some(rate))).collect();
        lines.push(Line::beside("all who come", all));
    }
    picture(&Axes { title, x: "new clients a second", y: unit, even: false }, &lines)
}

/// A row a server and a rate.
fn table(view: &View<'_>, caption: &str) -> Table {
    let share = |heading, figure: Figure<Came>| {
        Column::new(heading, move |view| {
            view.median(figure.name).map_or(NOTHING.to_owned(), |share| format!("{share:.0}%"))
        })
    };
    let late = |heading, figure: Figure<Came>| {
        Column::new(heading, move |view| {
            view.median(figure.name).map_or(NOTHING.to_owned(), latency)
        })
    };
    let columns = [
        Column::new("due/s", |view| short_or_nothing(view.value(DUE).map(|rate| rate.number()))),
        Column::new("answered\n/s", |view| short_or_nothing(view.median(ANSWERED.name))),
        late("p50, ms", MEDIAN),
        late("p99, ms", P99),
        share("gave\nup", GAVE_UP),
        share("turned\naway", TURNED),
        share("waiting", WAITING),
        share("failed", FAILED),
    ];
    Table::of(caption, view.servers_along(DUE), &columns)
}

/// Whether a latency in milliseconds is that of clients who gave up.
fn is_at_least(latency: f64) -> bool {
    latency >= PATIENCE.as_secs_f64() * 1e3
}

/// A latency in milliseconds. From the patience on it is that of clients who gave up, and no more
/// is known than that they would have waited longer.
fn latency(milliseconds: f64) -> String {
    let text = short(milliseconds);
    if is_at_least(milliseconds) { format!(">{text}") } else { text }
}

/// The first rate at which a server answered far fewer than were due, and what was measured there.
fn first_behind<'a>(server: &View<'a>) -> Option<(f64, f64, View<'a>)> {
    let points = server.along(DUE).into_iter();
    let mut points =
        points.filter_map(|(due, view)| Some((due.number(), view.median(ANSWERED.name)?, view)));
    points.find(|(due, answered, _)| *answered < 0.9 * due)
}

/// Who answered all.
fn who_kept_up(view: &View<'_>, kind: &str) -> Option<String> {
    let servers = view.servers().into_iter();
    let kept = servers.filter(|(_, it)| !it.is_empty() && first_behind(it).is_none());
    let kept: Vec<&str> = kept.map(|(name, _)| name).collect();
    (!kept.is_empty()).then(|| format!("{kind}: {} kept up with every rate.", listed(&kept)))
}

/// From which rate on a server falls behind.
fn behind(name: &str, server: &View<'_>, kind: &str) -> Option<String> {
    let (due, answered, view) = first_behind(server)?;
    let patience = humantime::format_duration(PATIENCE);
    let half = match view.median(MEDIAN.name) {
        None => "too few were answered or gave up to say how long they waited".to_owned(),
        Some(latency) if is_at_least(latency) => {
            format!("more than half of its clients gave up after {patience}")
        }
        Some(latency) => {
            format!("half of those who were answered or gave up waited {} ms", short(latency))
        }
    };
    Some(format!(
        "{kind}: {name} fell behind at {} a second: it answered {}, and {half}.",
        short(due),
        short(answered),
    ))
}

/// What a server can do against it, where one did that.
fn what_helps(results: &Results) -> Option<String> {
    let turned_away = |(_, view): &(&str, View<'_>)| {
        view.along(DUE).iter().any(|(_, view)| view.median(TURNED.name) > Some(0.0))
    };
    results.view().servers().iter().any(turned_away).then(|| {
        format!(
            "To tell clients early that there are too many of them is called load shedding: who says no after \
             {MAX_WAIT} has a queue that is shorter than the patience of those in it. To accept or read more slowly, \
             so that the others have to wait before they send, is called backpressure: that helps where those who \
             send can wait, and not where more and more come."
        )
    })
}

fn method(results: &Results) -> String {
    let most_clients = results.view().median(MOST.name).unwrap_or_default();
    let patience = humantime::format_duration(PATIENCE);
    format!(
        "Open loop: each client connects when it is due, sends one message, and gives up after {patience}. \
         The server waits {} for it, or computes for {}; then the load comes first where both want a processor \
         (nice). Latency counts from when it was due, for \
         those who were answered and those who gave up, who count as waiting for longer than that. \
         Turned away: told that the server is busy. Waiting: not answered yet at the end of the run. Failed: \
         resets, and clients beyond {most_clients} at a time. Measured once.",
        humantime::format_duration(WAITING_FOR),
        humantime::format_duration(computing_for()),
    )
}
