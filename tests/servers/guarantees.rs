//! The book's page of guarantees names the tests that show them: these are tests that run.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;

use crate::support::endurance_names;

/// A test of the page against the tests that there are.
pub(crate) fn trial(trials: &[Trial]) -> Trial {
    // `fork: a rule`, or `fork: process killed: what comes of it`.
    let rules = trials.iter().filter_map(|trial| Some(trial.name().split_once(": ")?.1));
    let with_parts = rules.flat_map(|rule| [Some(rule), rule.split_once(": ").map(|it| it.0)]);
    let mut rules: Vec<String> = with_parts.flatten().map(str::to_owned).collect();
    rules.extend(endurance_names::ALL.map(str::to_owned));
    Trial::test("every guarantee names a test that runs", move || {
        check(&rules);
        Ok(())
    })
}

fn check(rules: &[String]) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/guarantees.md");
    let page = fs::read_to_string(page).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let mut count = 0;
    for cell in cells.map(str::trim).filter(|cell| *cell != "shown by") {
        let name = cell.split('`').nth(1);
        let name = name.unwrap_or_else(|| panic!("a row names no test: {cell:?}"));
        assert!(rules.iter().any(|rule| rule == name), "there is no test {name:?}");
        count += 1;
    }
    assert!(count > 25, "{count} rows");
}
