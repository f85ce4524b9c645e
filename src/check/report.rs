//! Verdicts as a person reads them.

use super::Verdict;

/// A verdict in one line, and where the server differs, how: three lines more.
pub fn render(verdict: &Verdict) -> String {
    let word = if verdict.passed { "ok" } else { "FAIL" };
    let mut text = format!("{word:<5} {:<6} {}\n", verdict.group.name(), verdict.case);
    if let Some(difference) = &verdict.difference {
        let lines = [
            ("sent", &difference.sent),
            ("expected", &difference.expected),
            ("received", &difference.received),
        ];
        for (what, it) in lines {
            text += &format!("             {what:<9} {it}\n");
        }
    }
    text
}
