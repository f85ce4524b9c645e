//! `lab class`: what the files of a whole class have in common.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use client::output_file::OutputFile;
use lab::results::number::{NOTHING, short};
use lab::results::section::Section;
use lab::results::table::{Column, Table};
use lab::results::{Place, Results, Row, Sample, View, csv, terminal};
use serde::Deserialize;
use serde_json::Value;

use super::diff;

/// Which files.
#[derive(clap::Args)]
pub(super) struct Options {
    /// What `check --json`, `doctor --json` or the `--json` of one experiment wrote on each machine
    #[arg(num_args = 1.., required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write all of it to this file, as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// The axes: whose file it is, and which case or which look.
const FILE: &str = "file";
const CASE: &str = "case";

/// What is known of a case: its points, and whether it was passed, unless it was not asked.
const POINTS: &str = "points";
const OF: &str = "points at most";
const PASSED: &str = "passed";

/// Why a case was not asked, where that is the server's fault.
const TIME_WAS_OVER: &str = "time_was_over";

/// A case of `check --json`, or a look of `doctor --json`.
#[derive(Deserialize)]
struct Case {
    #[serde(alias = "what")]
    case: String,
    #[serde(default)]
    points: f64,
    #[serde(default)]
    of: f64,
    passed: Option<bool>,
    not_asked: Option<Value>,
    trouble: Option<Value>,
}

/// What `check` and `doctor` are called among those that wrote the files; experiments have names of their own.
const CHECK: &str = "check";
const DOCTOR: &str = "doctor";

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let file = options.csv.as_deref().map(OutputFile::create).transpose()?;
    let (mut results, mut writers) = (Results::new("class", Vec::new()), Vec::new());
    for (path, name) in options.files.iter().zip(names(&options.files)) {
        writers.push(read(path, &name, &mut results)?);
    }
    let writer = writers[0].clone();
    for (path, other) in options.files.iter().zip(&writers) {
        let first = options.files[0].display();
        ensure!(*other == writer, "{first} is of {writer}, {} of {other}", path.display());
    }
    file.map_or(Ok(()), |file| file.write(&csv("class", &results.rows)))?;
    let section = match writer.as_str() {
        CHECK | DOCTOR => cases(&results.view(), writer == CHECK),
        _ => figures(&results.view()),
    };
    super::print(&terminal::render(&section, &[], terminal::width()))
}

/// What each file is called: by its name without its ending, where no other has the same.
fn names(files: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| path.file_stem().map(|it| it.to_string_lossy().into_owned());
    let stems: BTreeSet<Option<String>> = files.iter().map(stem).collect();
    let is_unique = stems.len() == files.len();
    let name = |path: &PathBuf| stem(path).filter(|_| is_unique);
    files.iter().map(|path| name(path).unwrap_or_else(|| path.display().to_string())).collect()
}

/// Adds the rows of a file, and says which command wrote it.
fn read(path: &Path, name: &str, results: &mut Results) -> anyhow::Result<String> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    for (key, writer) in [("cases", CHECK), ("findings", DOCTOR)] {
        if value[key].is_array() {
            let cases: Vec<Case> = Vec::deserialize(&value[key])
                .with_context(|| format!("cannot understand {}", path.display()))?;
            cases.iter().for_each(|case| case.add_to(results, name));
            return Ok(writer.to_owned());
        }
    }
    let Results { experiment, rows, .. } = diff::read(path)?;
    results.rows.extend(rows.into_iter().map(|row| Row { at: row.at.with(FILE, name), ..row }));
    Ok(experiment)
}

impl Case {
    fn add_to(&self, results: &mut Results, file: &str) {
        let place = Place::default().with(FILE, file).with(CASE, self.case.as_str());
        results.add_once(&place, POINTS, "", self.points);
        results.add_once(&place, OF, "", self.of);
        let passed = self.passed.unwrap_or(self.trouble.is_none());
        // A server that kept its grader waiting has failed where there was no time left.
        let is_asked = self.not_asked.as_ref().is_none_or(|why| why == TIME_WAS_OVER);
        results.add_once(&place, PASSED, "", is_asked.then_some(f64::from(u8::from(passed))));
    }
}

/// Who passed which case.
fn cases(view: &View<'_>, has_points: bool) -> Section {
    let which = table_of_cases(view);
    let all = view.values(CASE).len();
    let passed = format!("{} of {all} were passed by everybody.", all - which.rows.len());
    let mut tables = vec![table_of_files(view, has_points), which];
    tables.retain(|table| !table.rows.is_empty());
    Section { sentences: vec![passed], tables, ..Section::default() }
}

/// How many cases were passed or not, 1 or 0.
fn count(view: &View<'_>, passed: f64) -> usize {
    view.medians(PASSED).into_iter().filter(|it| *it == passed).count()
}

/// A row for each file, with the number that it has as a column of the other table.
fn table_of_files(view: &View<'_>, has_points: bool) -> Table {
    let files = view.values(FILE);
    let sum = |view: &View<'_>, figure| view.medians(figure).iter().sum::<f64>();
    let mut columns = vec![
        Column::new("passed", |view| count(view, 1.0).to_string()),
        Column::new("failed", |view| count(view, 0.0).to_string()),
    ];
    if has_points {
        let points = move |view: &View<'_>| format!("{} of {}", sum(view, POINTS), sum(view, OF));
        columns.push(Column::new("points", points));
    }
    let number = |view: &View<'_>| {
        let place = files.iter().position(|file| view.value(FILE) == Some(*file));
        place.map_or(NOTHING.to_owned(), |place| (place + 1).to_string())
    };
    columns.insert(0, Column::new("column", number));
    Table::of("", view.along(FILE), &columns)
}

/// A row for each case that somebody fails, that which most fail first: a mark for each file.
fn table_of_cases(view: &View<'_>) -> Table {
    let files = view.values(FILE);
    let mark = |view: &View<'_>| match view.median(PASSED) {
        Some(0.0) => 'x',
        Some(_) => '.',
        None => '-',
    };
    let marks =
        |view: &View<'_>| files.iter().map(|file| mark(&view.at(FILE, *file))).collect::<String>();
    let columns = [
        Column::new("who", marks),
        Column::new("failed", |view| count(view, 0.0).to_string()),
        Column::new("", |view| view.value(CASE).map_or(NOTHING.to_owned(), ToString::to_string)),
    ];
    let mut rows: Vec<_> = view.along(CASE).into_iter().map(|(_, view)| ("", view)).collect();
    rows.retain(|(_, view)| count(view, 0.0) > 0);
    rows.sort_by_key(|(_, view)| Reverse(count(view, 0.0)));
    let legend = "x failed, . passed, - not asked: a column for each file.";
    Table { legend: legend.to_owned(), ..Table::of("", rows, &columns) }
}

/// The same figure on all machines: the least and the most, and whose they are.
fn figures(view: &View<'_>) -> Section {
    let columns = ["least", "median", "most", "least at", "most at"].map(str::to_owned);
    let mut table = Table { columns: columns.into(), ..Table::default() };
    for (place, of_place) in view.places_without(FILE) {
        table = table.headed(place.to_string());
        let rows = of_place.figures().into_iter().filter_map(|it| row_of_figure(&of_place, it));
        table.rows.extend(rows);
    }
    let method = "Medians of each machine's rounds.".to_owned();
    Section { tables: vec![table], method, ..Section::default() }
}

/// The least, the middle and the most of a figure, and whose the first and the last are.
fn row_of_figure(view: &View<'_>, (figure, unit): (&str, &str)) -> Option<(String, Vec<String>)> {
    let machines = view.along(FILE).into_iter();
    let mut all: Vec<(String, f64)> = machines
        .filter_map(|(file, view)| Some((file.to_string(), view.median(figure)?)))
        .collect();
    all.sort_by(|one, other| one.1.total_cmp(&other.1));
    let ((least_at, least), (most_at, most)) = (all.first()?, all.last()?);
    let middle = all.iter().map(|(_, median)| *median).collect::<Sample>().median();
    let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
    let cells = [short(*least), short(middle), short(*most), least_at.clone(), most_at.clone()];
    Some((format!("{figure}{unit}"), cells.into()))
}
