//! Verdicts and cases, for people and for the tools of a classroom.

use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{CASES, Case, Group, NotAsked, Verdict};
use crate::pages::terminal;

/// What there is to say where the others took all the time.
const TIME_WAS_OVER: &str = "The time was over before its turn came (--time-limit): a server that does not answer \
    is waited for in each case.";

/// Where a verdict's second part begins.
const COLUMN: usize = 14;

/// A verdict, in lines of so many columns: what it earned, and where it failed a sentence on what was sent,
/// what came, which rule says otherwise, and where that is explained.
pub fn render(verdict: &Verdict, width: usize) -> String {
    let Verdict { points, of, case, .. } = verdict;
    let word = match (verdict.passed, verdict.failed()) {
        (true, _) => "ok",
        (false, true) => "FAIL",
        (false, false) => "-",
    };
    let label = format!("{word:<5} {points} of {of}");
    let mut text = terminal::labelled(&label, case, COLUMN, width);
    text.extend(explanation(verdict).map(|it| terminal::labelled("", &it, COLUMN, width)));
    text
}

/// Why it did not earn its points.
fn explanation(verdict: &Verdict) -> Option<String> {
    match verdict.not_asked {
        Some(NotAsked::NeedsProcess) => {
            return Some("Not asked: it needs --start or --pid.".to_owned());
        }
        Some(NotAsked::NeedsStart) => return Some("Not asked: it needs --start.".to_owned()),
        Some(NotAsked::TimeWasOver) => return Some(TIME_WAS_OVER.to_owned()),
        None => {}
    }
    let difference = verdict.difference.as_ref()?;
    let Verdict { rule, page, .. } = verdict;
    Some(format!("{}. The rule: {rule} See book/src/{page}.md.", difference.sentence()))
}

/// What the verdicts come to, in a line.
pub fn total(verdicts: &[Verdict]) -> String {
    let sum = |of: fn(&Verdict) -> u32| verdicts.iter().map(of).sum::<u32>();
    let passed = verdicts.iter().filter(|it| it.passed).count();
    let failed = verdicts.iter().filter(|it| it.failed()).count();
    let not_asked = verdicts.len() - passed - failed;
    format!(
        "{} of {} points; cases: {passed} passed, {failed} failed, {not_asked} not asked",
        sum(|it| it.points),
        sum(|it| it.of)
    )
}

/// The verdicts as JUnit XML, a suite for each group.
///
/// # Errors
///
/// When they cannot be written as XML.
pub fn junit(verdicts: &[Verdict]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("lab check");
    for group in Group::ALL {
        let mut of_group = verdicts.iter().filter(|it| it.group == group).peekable();
        if of_group.peek().is_some() {
            let mut suite = TestSuite::new(group.name());
            suite.add_test_cases(of_group.map(|verdict| {
                let mut case = TestCase::new(verdict.case, status(verdict));
                case.set_classname(group.name());
                case.set_time(Duration::from_secs_f64(verdict.seconds));
                case
            }));
            report.add_test_suite(suite);
        }
    }
    report.to_string()
}

fn status(verdict: &Verdict) -> TestCaseStatus {
    let mut status = match (verdict.passed, verdict.failed()) {
        (true, _) => return TestCaseStatus::success(),
        (false, true) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (false, false) => TestCaseStatus::skipped(),
    };
    status.set_message(explanation(verdict).unwrap_or_default());
    status
}

/// The table of cases as text: what each is about, its points, its name and its rule.
pub fn list(width: usize) -> String {
    let mut text = String::new();
    for Case { group, points, name, rule, .. } in CASES {
        text += &terminal::labelled(&format!("{points} {}", group.name()), name, 15, width);
        text += &terminal::labelled("", rule, 17, width);
    }
    text
}

/// The table of cases in Markdown.
pub fn markdown() -> String {
    let mut text =
        "| case | group | points | the rule | explained in |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for Case { group, points, name, rule, page, .. } in CASES {
        let _ = writeln!(text, "| {name} | {} | {points} | {rule} | `{page}.md` |", group.name());
    }
    text
}
