//! `lab diff`: saved results of one experiment, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use lab::results::number::{NOTHING, short};
use lab::results::section::Section;
use lab::results::table::Table;
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
    let names = (0..).map(name).zip(&results);
    let machines: Vec<String> =
        names.map(|(name, it)| format!("{name}: {}.", machine(it))).collect();
    super::print(&terminal::render(&section, &machines, terminal::width()))
}

pub(super) fn read(path: &Path) -> anyhow::Result<Results> {
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

/// Facts that differ between runs that were measured in the same way.
const OF_A_RUN: [&str; 9] = [
    "arguments",
    "seed",
    "machine",
    "no_stories",
    "listen_overflows",
    "client_standstill_milliseconds",
    "stories",
    "calls_counted_by",
    "noticed",
];

/// A warning if the results were not measured in the same way.
fn unlike(all: &[Results]) -> Option<String> {
    let conditions: Vec<_> = all.iter().map(conditions).collect();
    let names: BTreeSet<&String> = conditions.iter().flat_map(BTreeMap::keys).collect();
    let is_unlike =
        |name: &&&String| conditions.iter().any(|it| it.get(**name) != conditions[0].get(**name));
    let unlike: Vec<String> =
        names.iter().filter(is_unlike).map(|it| it.replace('_', " ")).collect();
    let names = unlike.join(", ");
    (!unlike.is_empty()).then(|| format!("They were not measured in the same way: {names}."))
}

/// How a result was measured, by the names of what it says of that. Of a report, each part says so.
fn conditions(result: &Results) -> BTreeMap<String, Value> {
    let mut conditions = BTreeMap::new();
    for (name, fact) in result.facts.iter().filter(|(name, _)| !OF_A_RUN.contains(&name.as_str())) {
        match fact.as_object() {
            None => drop(conditions.insert(name.clone(), fact.clone())),
            Some(part) => {
                let own = part.iter().filter(|(name, _)| !OF_A_RUN.contains(&name.as_str()));
                conditions.extend(own.map(|(own, fact)| (format!("{name}, {own}"), fact.clone())));
            }
        }
    }
    let build = result.facts.get("machine").map(|machine| machine["build"].clone());
    conditions.extend(build.map(|build| ("build".to_owned(), build)));
    conditions
}

/// What a result is called in the tables: A, B and so on, and behind Z by its number.
fn name(place: usize) -> String {
    ('A'..='Z').nth(place).map_or_else(|| (place + 1).to_string(), String::from)
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
    let columns: Vec<String> = (0..all.len()).map(name).collect();
    let median = |row: &Row, result: &Results| {
        let same = result.rows.iter().find(|it| it.is_of_the_same(row));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(facts: Value) -> Results {
        let Value::Object(facts) = facts else { unreachable!("facts are an object") };
        Results { facts, ..Results::new("report", Vec::new()) }
    }

    #[test]
    fn what_was_measured_in_another_way_is_named_and_another_run_is_not() {
        let result = |quick: bool, clients: u64, story: &str, build: &str| {
            let (work, anatomy) = (json!({"clients": clients}), json!({"stories": [story]}));
            let machine = json!({"build": build, "date": story});
            result(json!({"quick": quick, "work": work, "anatomy": anatomy, "machine": machine}))
        };
        let first = || result(false, 32, "one", "release");
        assert_eq!(unlike(&[first(), result(false, 32, "other", "release")]), None);
        let others = [first(), result(true, 16, "one", "debug")];
        let words = "They were not measured in the same way: build, quick, work, clients.";
        assert_eq!(unlike(&others).as_deref(), Some(words));
    }

    #[test]
    fn a_class_has_more_results_than_letters() {
        assert_eq!([0, 25, 26].map(name), ["A", "Z", "27"]);
    }
}
