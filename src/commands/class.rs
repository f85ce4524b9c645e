//! `lab class`: what the files of a whole class have in common.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use client::output_file::OutputFile;
use lab::results::number::{NOTHING, short};
use lab::results::section::Section;
use lab::results::table::{Column, Table};
use lab::results::{Place, Results, Row, View, csv, terminal};
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
        let passed = self.not_asked.is_none().then_some(f64::from(u8::from(passed)));
        results.add_once(&place, PASSED, "", passed);
    }
}

/// Who passed which case, the case that most fail first.
fn cases(view: &View<'_>, has_points: bool) -> Section {
    let files = view.along(FILE);
    let sum = |view: &View<'_>, figure| view.medians(figure).iter().sum::<f64>();
    let failed = |view: &View<'_>| view.medians(PASSED).iter().filter(|it| **it == 0.0).count();
    let passed = |view: &View<'_>| view.medians(PASSED).iter().filter(|it| **it == 1.0).count();
    let mut columns = vec![
        Column::new("passed", move |view| passed(view).to_string()),
        Column::new("failed", move |view| failed(view).to_string()),
    ];
    if has_points {
        columns.push(Column::new("points", move |view| {
            format!("{} of {}", sum(view, POINTS), sum(view, OF))
        }));
    }
    let whose = files
        .iter()
        .cloned()
        .zip(1..)
        .map(|((name, view), place)| (format!("{place} {name}"), view));
    let whose = Table::of("", whose, &columns);
    let mut failing: Vec<_> =
        view.along(CASE).into_iter().filter(|(_, view)| failed(view) > 0).collect();
    failing.sort_by_key(|(_, view)| std::cmp::Reverse(failed(view)));
    let mark = |view: &View<'_>| match view.median(PASSED) {
        Some(0.0) => 'x',
        Some(_) => '.',
        None => '-',
    };
    let marks = |view: &View<'_>| {
        files.iter().map(|(file, _)| mark(&view.at(FILE, *file))).collect::<String>()
    };
    let case = |view: &View<'_>| view.value(CASE).map_or(NOTHING.to_owned(), ToString::to_string);
    let columns = [
        Column::new("who", marks),
        Column::new("failed", move |view| failed(view).to_string()),
        Column::new("", case),
    ];
    let rows: Vec<_> = failing.into_iter().map(|(_, view)| ("", view)).collect();
    let all = view.values(CASE).len();
    let nobody = format!("Nobody failed at {} of {all}.", all - rows.len());
    let legend =
        "x failed, . passed, - not asked: a column for each file, in the order above.".to_owned();
    let which = Table { legend, ..Table::of("", rows, &columns) };
    Section { sentences: vec![nobody], tables: vec![whose, which], ..Section::default() }
}

/// The same figure on all machines: the least and the most, and whose they are.
fn figures(view: &View<'_>) -> Section {
    let columns = ["least", "median", "most", "least at", "most at"].map(str::to_owned);
    let mut table = Table { columns: columns.into(), ..Table::default() };
    for (place, of_place) in view.places_without(FILE) {
        table = table.headed(place.to_string());
        for (figure, unit) in of_place.figures() {
            let mut all: Vec<(String, f64)> = of_place
                .along(FILE)
                .into_iter()
                .filter_map(|(file, view)| Some((file.to_string(), view.median(figure)?)))
                .collect();
            all.sort_by(|one, other| one.1.total_cmp(&other.1));
            let [(least_at, least), .., (most_at, most)] = all.as_slice() else { continue };
            let middle = all[all.len() / 2].1;
            let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
            let cells =
                [short(*least), short(middle), short(*most), least_at.clone(), most_at.clone()];
            table.rows.push((format!("{figure}{unit}"), cells.into()));
        }
    }
    let method = "Medians of each machine's rounds.".to_owned();
    Section { tables: vec![table], method, ..Section::default() }
}
