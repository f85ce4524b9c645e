//! Verdicts as JUnit XML, which the tools of a classroom read: a suite for each group of cases.

use std::fmt::Write;

use ::check::{Group, Verdict};
use lab::results::markup::escaped;

/// The whole document.
pub(super) fn document(verdicts: &[Verdict]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let _ = writeln!(text, "<testsuites name=\"lab check\" {}>", counts(verdicts));
    for group in Group::ALL {
        let cases: Vec<Verdict> = verdicts.iter().filter(|it| it.group == group).cloned().collect();
        if !cases.is_empty() {
            let (name, counts) = (group.name(), counts(&cases));
            let _ = writeln!(text, "  <testsuite name=\"{name}\" {counts}>");
            text.extend(cases.iter().map(case));
            text += "  </testsuite>\n";
        }
    }
    text + "</testsuites>\n"
}

fn counts(verdicts: &[Verdict]) -> String {
    let failures = verdicts.iter().filter(|it| it.failed()).count();
    let passed = verdicts.iter().filter(|it| it.passed).count();
    let (tests, skipped) = (verdicts.len(), verdicts.len() - passed - failures);
    format!("tests=\"{tests}\" skipped=\"{skipped}\" errors=\"0\" failures=\"{failures}\"")
}

fn case(verdict: &Verdict) -> String {
    let (name, group, seconds) = (escaped(verdict.case), verdict.group.name(), verdict.seconds);
    let head = format!("    <testcase name=\"{name}\" classname=\"{group}\" time=\"{seconds:.3}\"");
    let message = escaped(&verdict.explanation().unwrap_or_default());
    match (verdict.passed, verdict.failed()) {
        (true, _) => format!("{head}/>\n"),
        (_, true) => format!("{head}><failure message=\"{message}\"/></testcase>\n"),
        (_, false) => format!("{head}><skipped message=\"{message}\"/></testcase>\n"),
    }
}
