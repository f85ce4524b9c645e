//! The book's page of guarantees names the tests that show them: they exist.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::path::Path;

/// The last cell of each row of the page's tables.
fn shown_by(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    cells.map(str::trim).filter(|cell| *cell != "shown by").collect()
}

fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn every_guarantee_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("book/src/guarantees.md")).unwrap();
    let sources =
        ["tests", "src/check", "src/crash"].map(|part| sources(&root.join(part))).concat();
    let rows = shown_by(&page);
    assert!(rows.len() > 25, "{} rows", rows.len());
    for cell in rows {
        let name = cell.split('`').nth(1).unwrap_or_default();
        assert!(!name.is_empty(), "a row names no test: {cell:?}");
        assert!(sources.contains(&format!("\"{name}\"")), "there is no test {name:?}");
    }
}
