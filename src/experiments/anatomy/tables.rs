//! The counts as tables, and what they say.

use super::counts::{CALL, CALLS_BY_NAME, CLIENTS, COUNTS, FACTS, LOADS, SPOKEN};
use crate::experiments::loads::{LOAD, MANY_CLIENTS, WARM_CONNECTIONS};
use crate::kernel::call_counter::NAMED;
use crate::results::number::{NOTHING, with_spread};
use crate::results::table::{Column, Table};
use crate::results::{Results, SERVER, Sample, View};

/// A count below this is none, and a call that nobody makes more often has no row.
const SELDOM: f64 = 0.02;

/// All of them.
pub(super) fn all(results: &Results) -> Vec<Table> {
    let tables = [totals(results), by_name(results), standing(results)];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

const LEGEND: &str = "waits: it had to wait, and gave its processor up; preempted: it was taken \
    away. † of the whole machine, what an idle one does taken off; function calls are what one \
    processor has another do, most of all to wake it, so that they depend on who sleeps.";

/// What each of [`LOADS`] is called above its rows.
const HEADINGS: [&str; 3] = [
    "A connection, one client after the other",
    "A connection, 32 clients at once",
    "A message over 50 warm connections",
];

/// What was counted under each load, below its heading.
fn loads(results: &Results) -> impl Iterator<Item = (&'static str, View<'_>)> {
    let views = LOADS.iter().map(|load| results.view().at(LOAD, load.name));
    HEADINGS.into_iter().zip(views)
}

/// A column a server.
fn servers<'c>(
    results: &Results,
    cell: impl Fn(&View<'_>) -> String + Copy + 'c,
) -> Vec<Column<'c>> {
    let column = |name: &str| Column::new(name, cell).at(SERVER, name);
    results.servers.iter().map(|it| column(&it.name)).collect()
}

/// A row a model, under each load.
fn totals(results: &Results) -> Table {
    let column = |(name, heading): &(&'static str, &str)| {
        let name = *name;
        Column::new(heading, move |view| view.sample(name).map_or(NOTHING.to_owned(), counted))
    };
    let columns = COUNTS.each_ref().map(column);
    let table = loads(results).fold(Table::empty("Counts", &columns), |table, (heading, view)| {
        table.headed(heading).and(view.servers(), &columns)
    });
    Table { legend: LEGEND.to_owned(), ..table }
}

/// A count with its spread, where there is anything to count.
fn counted(sample: &Sample) -> String {
    match sample.median().abs() < SELDOM {
        true => tenths(0.0),
        false => with_spread(sample, 1.0),
    }
}

/// A row a call that somebody makes, under each load.
fn by_name(results: &Results) -> Table {
    let columns =
        servers(results, |view| view.median(CALLS_BY_NAME).map_or(NOTHING.to_owned(), tenths));
    let mut table = Table::empty("System calls by name", &columns);
    for (heading, view) in loads(results) {
        let most = |view: &View<'_>| view.ranked(CALLS_BY_NAME).last().map(|(_, count)| *count);
        let calls = NAMED.into_iter().map(|name| (name, view.at(CALL, name)));
        let calls: Vec<_> = calls.filter(|(_, view)| most(view) >= Some(SELDOM)).collect();
        if !calls.is_empty() {
            table = table.headed(heading).and(calls, &columns);
        }
    }
    table
}

/// A row a fact, without clients and with them.
fn standing(results: &Results) -> Table {
    let mut table = Table::empty("The server and its children", &servers(results, fact(0)));
    for (clients, view) in results.view().along(CLIENTS) {
        let heading = match clients.number() {
            0.0 => "Without a client".to_owned(),
            count => format!("With {count} clients"),
        };
        table = table.headed(heading);
        for (number, (_, label, _)) in FACTS.iter().enumerate() {
            table = table.and([(label, view.clone())], &servers(results, fact(number)));
        }
    }
    table
}

/// One of [`FACTS`] of a server.
fn fact(number: usize) -> impl Fn(&View<'_>) -> String + Copy {
    let (figure, _, scale) = FACTS[number];
    move |view| {
        view.median(figure).map_or(NOTHING.to_owned(), |value| format!("{:.0}", value / scale))
    }
}

/// What the counts say, in the order of what a reader asks first.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    let among = results.view().at(LOAD, MANY_CLIENTS.name);
    let warm = results.view().at(LOAD, WARM_CONNECTIONS.name);
    let connection = "a connection with 32 clients at once";
    let of_connection = SPOKEN.iter().filter_map(|spoken| say(&among, spoken, connection));
    let of_message = say(&warm, &SPOKEN[0], "a message over 50 warm connections");
    of_connection.chain(of_message).collect()
}

/// Under whom there are the fewest of something, and the most.
fn say(view: &View<'_>, (figure, what): &(&str, &str), of: &str) -> Option<String> {
    let all = view.ranked(figure);
    let ((_, few), (_, many)) = (*all.first()?, *all.last()?);
    let near = |bound: f64| {
        let near = view.servers().into_iter().filter(|(_, view)| {
            view.median(figure).is_some_and(|count| (count - bound).abs() < ALIKE)
        });
        near.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
    };
    Some(match many - few < ALIKE {
        true => format!("{what} of {of}: {} under {}.", tenths(few), near(few)),
        false => format!(
            "{what} of {of}: the fewest under {} ({}), the most under {} ({}).",
            near(few),
            tenths(few),
            near(many),
            tenths(many)
        ),
    })
}

/// Counts that differ by less are called the same.
const ALIKE: f64 = 0.2;

fn tenths(count: f64) -> String {
    match count.abs() {
        ..SELDOM => "0".to_owned(),
        SELDOM..0.1 => format!("{count:.2}"),
        _ => format!("{count:.1}"),
    }
}
