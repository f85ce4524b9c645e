//! The counts as tables, a column a model, and what they say.

use super::counts::{COUNTS, Counts, Standing};
use crate::experiments::exercise::MANY_CLIENTS;
use crate::kernel::call_counter::NAMED;
use crate::results::number::{NOTHING, with_spread};
use crate::results::sample::Sample;
use crate::results::section::Table;

/// The loads, as [`super::EXERCISES`] has them.
const ONE: usize = 0;
const MANY: usize = 1;
const WARM: usize = 2;

/// A count below this is none, and a call that nobody makes more often has no row.
const SELDOM: f64 = 0.02;

type Rows = Vec<(String, Vec<String>)>;

/// All of them.
pub(super) fn all(counts: &[Counts]) -> Vec<Table> {
    let columns: Vec<String> = counts.iter().map(|it| it.model.clone()).collect();
    let table = |caption: &str, rows: Rows| Table {
        caption: caption.to_owned(),
        columns: columns.clone(),
        rows,
        ..Table::default()
    };
    [
        totals(counts),
        table("System calls by name", by_name(counts)),
        table("The server and its children", standing(counts)),
    ]
    .into_iter()
    .filter(|table| !table.rows.is_empty())
    .collect()
}

const LEGEND: &str = "waits: it had to wait, and gave its processor up; preempted: it was taken \
    away. † of the whole machine, what an idle one does taken off; function calls are what one \
    processor has another do, most of all to wake it, so that they depend on who sleeps.";

/// The loads and their headings.
const LOADS: [(usize, &str); 3] = [
    (ONE, "A connection, one client after the other"),
    (MANY, "A connection, 32 clients at once"),
    (WARM, "A message over 50 warm connections"),
];

/// A row a model, under each load.
fn totals(counts: &[Counts]) -> Table {
    let mut rows = Vec::new();
    for (load, heading) in LOADS {
        rows.push((heading.to_owned(), Vec::new()));
        rows.extend(counts.iter().map(|it| {
            let cells =
                COUNTS.iter().map(|figure| counted(it.loads[load].samples.get(figure.name)));
            (it.model.clone(), cells.collect())
        }));
    }
    let columns = COUNTS.iter().map(|figure| figure.label.to_owned()).collect();
    let caption = "Counts".to_owned();
    Table { caption, columns, rows, legend: LEGEND.to_owned(), ..Table::default() }
}

/// A count with its spread, where there is anything to count.
fn counted(sample: &Sample) -> String {
    match sample.range() {
        Some(_) if sample.median().abs() < SELDOM => tenths(0.0),
        _ => with_spread(sample, 1.0),
    }
}

fn by_name(counts: &[Counts]) -> Rows {
    let mut rows = Vec::new();
    for (load, heading) in LOADS {
        let median = |it: &Counts, name: &str| it.loads[load].calls.median(name);
        let often = |name: &&str| counts.iter().any(|it| median(it, name) >= Some(SELDOM));
        let row = |name: &str| {
            let cells = counts.iter().map(|it| median(it, name));
            let cells = cells.map(|it| it.map_or(NOTHING.to_owned(), tenths));
            (name.to_owned(), cells.collect())
        };
        let named: Rows = NAMED.iter().filter(|name| often(name)).map(|name| row(name)).collect();
        if !named.is_empty() {
            rows.push((heading.to_owned(), Vec::new()));
            rows.extend(named);
        }
    }
    rows
}

/// A fact of a server, and how it is called.
type Fact = (&'static str, fn(&Standing) -> f64);

const FACTS: [Fact; 4] = [
    ("processes", |it| it.family.processes as f64),
    ("threads", |it| it.family.threads as f64),
    ("mappings", |it| it.mappings.mappings as f64),
    ("page tables, KiB", |it| it.mappings.page_table_bytes as f64 / 1024.0),
];

fn standing(counts: &[Counts]) -> Rows {
    let without = counts.iter().map(|it| it.idle).collect();
    let with = counts.iter().map(|it| it.busy).collect();
    let heading = format!("With {} clients", MANY_CLIENTS.connections);
    [facts("Without a client".to_owned(), without), facts(heading, with)].concat()
}

/// The rows of a state in which this system shows the servers.
fn facts(heading: String, standings: Vec<Option<Standing>>) -> Rows {
    if standings.iter().all(Option::is_none) {
        return Vec::new();
    }
    let row = |(label, fact): &Fact| {
        let cells = standings.iter().map(|it| it.as_ref().map(fact));
        let cells = cells.map(|it| it.map_or(NOTHING.to_owned(), |it| format!("{it:.0}")));
        ((*label).to_owned(), cells.collect())
    };
    [(heading, Vec::new())].into_iter().chain(FACTS.iter().map(row)).collect()
}

/// What the counts say, in the order of what a reader asks first.
pub(super) fn sentences(counts: &[Counts]) -> Vec<String> {
    let connection = "a connection with 32 clients at once";
    [
        say(counts, "System calls", "system calls", MANY, connection),
        say(counts, "Page faults", "page faults", MANY, connection),
        say(counts, "TLB shootdowns", "TLB shootdowns", MANY, connection),
        say(counts, "System calls", "system calls", WARM, "a message over 50 warm connections"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Under whom there are the fewest of something, and the most.
fn say(counts: &[Counts], what: &str, key: &str, load: usize, of: &str) -> Option<String> {
    let median = |it: &Counts| it.loads[load].samples.median(key);
    let all: Vec<(&str, f64)> =
        counts.iter().filter_map(|it| Some((it.model.as_str(), median(it)?))).collect();
    let few = all.iter().map(|(_, count)| *count).reduce(f64::min)?;
    let many = all.iter().map(|(_, count)| *count).reduce(f64::max)?;
    let near = |bound: f64| {
        let near = all.iter().filter(|(_, count)| (count - bound).abs() < ALIKE);
        near.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
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
