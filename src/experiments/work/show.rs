//! What the work shows of its figures.

use super::{ANSWERS, COMPUTING, MEDIAN, P99, RATE, Work, processors};
use crate::results::number::{listed, range_of, short, short_or_nothing};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table, median};
use crate::results::{Results, View};

/// What is shown: a figure, its title, and its unit.
const SHOWN: [(&str, &str, &str); 3] = [
    (RATE, "Messages per second", "per second"),
    (MEDIAN, "Latency, median, ms", "ms"),
    (P99, "Latency, p99, ms", "ms"),
];

pub(super) fn section(work: &Work, results: &Results) -> Section {
    let view = results.view();
    let shares = view.along(COMPUTING).into_iter();
    let plots = SHOWN.iter().map(|(figure, title, unit)| plot(work, &view, figure, title, unit));
    Section {
        sentences: shares
            .filter_map(|(share, view)| sentence(work, share.number(), &view))
            .collect(),
        pictures: plots.flatten().collect(),
        tables: SHOWN.iter().map(|(figure, title, _)| table(work, &view, figure, title)).collect(),
        method: method(work, &view),
        ..Section::default()
    }
}

/// A line a server, and beside the rates what they cannot exceed.
fn plot(work: &Work, view: &View<'_>, figure: &str, title: &str, y: &str) -> Option<Picture> {
    let mut lines = view.lines(COMPUTING, |x, view| Point::of(x, view.sample(figure), 1.0));
    if figure == RATE {
        lines.push(limit_line(work, view));
    }
    picture(&Axes { title, x: "computing, % of the service", y, even: true }, &lines)
}

/// Smooth, since it is computed.
fn limit_line(work: &Work, view: &View<'_>) -> Line {
    let last = view.values(COMPUTING).last().map_or(0.0, |share| share.number());
    let shares = (0..).map(|number| 5.0 * f64::from(number)).take_while(|share| *share < last);
    let point = |share| Point::exact(share, Some(work.limit(share, processors())));
    Line::beside("limit", shares.chain([last]).filter_map(point).collect())
}

/// A row a server, a column a share; of the rates with what they cannot exceed.
fn table(work: &Work, view: &View<'_>, figure: &str, title: &str) -> Table {
    let shares = view.values(COMPUTING);
    let column = |share| {
        Column::new(format!("{share}%"), |view| median(view, figure, 1.0)).at(COMPUTING, share)
    };
    let columns: Vec<Column<'_>> = shares.iter().copied().map(column).collect();
    let mut table = Table { corner: "computing", ..Table::of(title, view.servers(), &columns) };
    if figure == RATE {
        let limit = |share| short(work.limit(share, processors()));
        let limits = shares.iter().map(|share| limit(share.number())).collect();
        table.rows.push(("the limit".to_owned(), limits));
    }
    table
}

/// Who leads at a share, and who falls far behind.
fn sentence(work: &Work, share: f64, view: &View<'_>) -> Option<String> {
    let leads = view.most(RATE);
    let (_, most) = *leads.first()?;
    let names: Vec<&str> = leads.iter().map(|(name, _)| *name).collect();
    let verb = if names.len() > 1 { "lead" } else { "leads" };
    let behind = view.ranked(RATE).into_iter().rev().filter(|(_, rate)| *rate < 0.6 * most);
    let behind: Vec<String> =
        behind.map(|(name, rate)| format!("{name} {}", short(rate))).collect();
    let behind = match behind.as_slice() {
        [] => String::new(),
        behind => format!("; far behind: {}", behind.join(", ")),
    };
    let limit = work.limit(share, processors());
    Some(format!(
        "{share} % computing: {} {verb} with {} messages a second, {} {}{behind}.",
        listed(&names),
        range_of(&leads, short),
        if most > 0.97 * limit { "which is at the limit of" } else { "below the limit of" },
        short(limit),
    ))
}

fn method(work: &Work, view: &View<'_>) -> String {
    let answers = view.along(COMPUTING).into_iter();
    let answers = answers.filter_map(|(_, view)| Some(view.ranked(ANSWERS).first()?.1));
    let few = short_or_nothing(answers.reduce(f64::min));
    let service = humantime::format_duration(work.service);
    let rounds = match view.rounds(RATE) {
        1 => format!("Measured once, {few} answers a point or more"),
        rounds => format!(
            "Rates are medians of {rounds} interleaved rounds ± half their range, latencies those of \
             all rounds' answers together, {few} or more a point"
        ),
    };
    format!(
        "{} clients, each of which comes anew with each message and waits for the answer. A message \
         takes the server {service}: it waits, and then computes. The limit is what {} processors \
         can compute and {0} clients can ask for; the load uses a part of the processors too. \
         {rounds}.",
        work.clients,
        processors(),
    )
}
