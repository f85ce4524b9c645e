//! `lab diff`: saved results of one experiment, side by side.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use lab::results::number::{NOTHING, short};
use lab::results::section::{Section, Table};
use lab::results::terminal;
use lab::results::{Comparison, Pair, Results, Row, SCHEMA, Verdict, compare};
use serde_json::Value;

/// Which results to compare.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The results, as `--json` wrote them: with two, each figure gets a verdict; more stand side by side
    #[arg(num_args = 2.., required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let results =
        options.files.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?;
    for (file, other) in options.files.iter().zip(&results).skip(1) {
        let (first, other) = (&results[0].experiment, &other.experiment);
        ensure!(
            first == other,
            "these cannot be compared: {} is of {first}, {} of {other}",
            options.files[0].display(),
            file.display()
        );
    }
    let mut section = match results.as_slice() {
        [a, b] => judge(&compare(&a.rows, &b.rows)),
        all => side_by_side(all),
    };
    section.sentences.extend(unlike(&results));
    let names = ('A'..='Z').map(String::from).zip(&results);
    let machines: Vec<String> =
        names.map(|(name, it)| format!("{name}: {}.", machine(it))).collect();
    super::print(&terminal::render(&section, &machines, terminal::width()))
}

fn read(path: &Path) -> anyhow::Result<Results> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let is_result = value["experiment"].is_string();
    ensure!(is_result, "{} is not a result of the lab", path.display());
    ensure!(
        value["schema"] == SCHEMA,
        "{} was written by another version of the lab (schema {}, not {SCHEMA}): measure again",
        path.display(),
        value["schema"]
    );
    serde_json::from_value(value).with_context(|| format!("cannot understand {}", path.display()))
}

/// What tells one run from another of the same kind, and not how it was measured.
const OF_A_RUN: [&str; 8] = [
    "arguments",
    "machine",
    "failures",
    "listen_overflows",
    "client_standstill_milliseconds",
    "stories",
    "calls_counted_by",
    "noticed",
];

/// A warning if the results were not measured in the same way.
fn unlike(all: &[Results]) -> Option<String> {
    let names = all.iter().flat_map(|it| it.facts.keys()).map(String::as_str);
    let is_unlike = |name: &&str| {
        !OF_A_RUN.contains(name)
            && all.iter().any(|it| it.facts.get(*name) != all[0].facts.get(*name))
    };
    let mut unlike: Vec<&str> = names.filter(is_unlike).collect();
    unlike.sort_unstable();
    unlike.dedup();
    let words = unlike.join(", ").replace('_', " ");
    (!unlike.is_empty())
        .then(|| format!("They were not measured in the same way: see {words} in the files."))
}

fn machine(result: &Results) -> String {
    let text = |key: &str| {
        let fact = result.facts.get("machine").and_then(|machine| machine[key].as_str());
        fact.unwrap_or("unknown").to_owned()
    };
    format!("{}, {}, {}", text("cpu"), text("kernel"), text("date"))
}

/// A row for each figure that both have, with a verdict.
fn judge(comparison: &Comparison<'_>) -> Section {
    let columns = ["A", "B", "B/A", "verdict"].map(str::to_owned);
    let cells = |pair: &Pair<'_>| {
        let (a, b) = (pair.a.rounds.median(), pair.b.rounds.median());
        let ratio = if a == 0.0 { NOTHING.to_owned() } else { format!("{:.2}", b / a) };
        vec![short(a), short(b), ratio, words(pair.verdict).to_owned()]
    };
    let rows = comparison.pairs.iter().map(|pair| (pair.a, cells(pair)));
    Section {
        sentences: sentences(comparison),
        tables: vec![table(columns.into(), rows)],
        method: RULE.to_owned(),
        ..Section::default()
    }
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Differs => "differs",
        Verdict::Overlaps => "overlaps",
        Verdict::TooFew => "too few",
    }
}

const RULE: &str = "Medians. A figure differs where every round of one result is above every round of the \
    other; else they overlap. Where chance alone would separate the rounds more often than once in 20 times, \
    as it does with three rounds each, there are too few to judge. The rounds of one run say nothing about \
    how runs, days and machines differ.";

fn sentences(comparison: &Comparison<'_>) -> Vec<String> {
    let (judged, different) = (comparison.judged(), comparison.different());
    let all = comparison.pairs.len();
    let mut sentences = vec![match judged {
        0 => format!("None of {all} figures has rounds enough to judge."),
        _ => format!(
            "{different} of {judged} figures differ; by chance alone about {:.1} would.",
            comparison.by_chance()
        ),
    }];
    if judged > 0 && judged < all {
        sentences.push(format!("{} more have too few rounds to judge.", all - judged));
    }
    if comparison.unmatched > 0 {
        sentences.push(format!("{} figures are in one of them only.", comparison.unmatched));
    }
    sentences
}

/// A column for each result, a row for each figure of the first.
fn side_by_side(all: &[Results]) -> Section {
    let columns: Vec<String> = ('A'..='Z').map(String::from).take(all.len()).collect();
    let median = |row: &Row, result: &Results| {
        let same = |it: &&Row| it.at == row.at && it.figure == row.figure;
        let same = result.rows.iter().find(same);
        same.map_or(NOTHING.to_owned(), |it| short(it.rounds.median()))
    };
    let rows = all[0].rows.iter();
    let rows = rows.map(|row| (row, all.iter().map(|result| median(row, result)).collect()));
    let tables = vec![table(columns, rows)];
    Section { tables, method: "Medians.".to_owned(), ..Section::default() }
}

/// The figures of each place below its heading.
fn table<'a>(columns: Vec<String>, rows: impl Iterator<Item = (&'a Row, Vec<String>)>) -> Table {
    let mut table = Table { columns, ..Table::default() };
    let mut last = None;
    for (row, cells) in rows {
        if last != Some(&row.at) {
            table.rows.push((row.at.to_string(), Vec::new()));
            last = Some(&row.at);
        }
        let unit = if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit) };
        table.rows.push((format!("{}{unit}", row.figure), cells));
    }
    table
}
