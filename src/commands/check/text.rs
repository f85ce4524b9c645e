//! Verdicts and cases for people.

use ::check::{CASES, Case, Verdict};
use lab::results::terminal;

/// Where the second part of a verdict begins.
const COLUMN: usize = 14;

/// A verdict, in lines of `width` columns: what it earned, and where it failed a sentence that says what was
/// sent, what came, which rule says otherwise, and where that is explained.
pub(super) fn render(verdict: &Verdict, width: usize) -> String {
    let Verdict { points, of, case, .. } = verdict;
    let word = match (verdict.passed, verdict.failed()) {
        (true, _) => "ok",
        (false, true) => "FAIL",
        (false, false) => "-",
    };
    let label = format!("{word:<5} {points} of {of}");
    let mut text = terminal::labelled(&label, case, COLUMN, width);
    text.extend(verdict.explanation().map(|it| terminal::labelled("", &it, COLUMN, width)));
    text
}

/// The table of cases: what each is about, its points, its name and its rule.
pub(super) fn list(width: usize) -> String {
    let mut text = String::new();
    for Case { group, points, name, rule, .. } in CASES {
        text += &terminal::labelled(&format!("{points} {}", group.name()), name, 15, width);
        text += &terminal::labelled("", rule, 17, width);
    }
    text
}
