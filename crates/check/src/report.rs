//! What verdicts come to, and the table of cases.

use std::fmt::Write;

use crate::{CASES, Case, NotAsked, Verdict};

/// Where no time was left for a case.
const TIME_WAS_OVER: &str = "The time was over before its turn came (--time-limit): a server that does not answer \
    is waited for in each case.";

impl Verdict {
    /// Why it did not earn its points, in a sentence or two; nothing where it did.
    pub fn explanation(&self) -> Option<String> {
        match self.not_asked {
            Some(NotAsked::NeedsProcess) => {
                return Some("Not asked: it needs --start or --pid.".to_owned());
            }
            Some(NotAsked::Forbidden) => {
                return Some("Not asked: this user may not look into its process.".to_owned());
            }
            Some(NotAsked::NeedsStart) => return Some("Not asked: it needs --start.".to_owned()),
            Some(NotAsked::TimeWasOver) => return Some(TIME_WAS_OVER.to_owned()),
            None => {}
        }
        let difference = self.difference.as_ref()?.sentence();
        Some(format!("{difference}. The rule: {} See book/src/{}.md.", self.rule, self.page))
    }
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
