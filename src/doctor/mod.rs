//! What will work on this machine, and how to fix what will not: `lab doctor`, to be run before a
//! class.

use std::net::SocketAddr;

use serde::Serialize;

use crate::results::terminal::labelled;

mod kernel;
mod machine;
mod programs;

/// Where the findings begin, behind what they are about.
const COLUMN: usize = 21;

/// What was found of one thing that this project needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about, in a word or two.
    pub what: &'static str,
    /// What is there.
    pub found: String,
    /// What will not work for that, if anything.
    pub trouble: Option<Trouble>,
}

/// What will not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What a class would see of it.
    pub effect: &'static str,
    /// What fixes it.
    pub fix: String,
}

impl Finding {
    /// Everything that needs it works.
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Finding { what, found: found.into(), trouble: None }
    }

    /// Something does not work.
    fn bad(
        what: &'static str,
        found: impl Into<String>,
        effect: &'static str,
        fix: impl Into<String>,
    ) -> Self {
        let trouble = Some(Trouble { effect, fix: fix.into() });
        Finding { what, found: found.into(), trouble }
    }

    /// One of the two.
    fn of(
        what: &'static str,
        is_good: bool,
        found: String,
        effect: &'static str,
        fix: &str,
    ) -> Self {
        if is_good { Finding::good(what, found) } else { Finding::bad(what, found, effect, fix) }
    }

    /// Its lines in a terminal of this many columns.
    pub fn lines(&self, width: usize) -> String {
        let mark = if self.trouble.is_none() { "ok" } else { "BAD" };
        let label = format!("{mark:<4} {}", self.what);
        let found = labelled(&label, &self.found, COLUMN, width);
        let trouble = self.trouble.iter().flat_map(|it| {
            let fix = format!("to fix it: {}", it.fix);
            [it.effect, &fix].map(|text| labelled("", text, COLUMN, width))
        });
        [found].into_iter().chain(trouble).collect()
    }
}

/// Looks at all that this project needs. Takes a few seconds. `port` is the one that the pages'
/// commands use.
pub fn examine(port: SocketAddr) -> Vec<Finding> {
    let machine = [
        machine::build(),
        machine::cores(),
        machine::load(),
        machine::memory(),
        machine::open_files(),
        machine::units(),
        machine::terminal(),
    ];
    let kernel = [
        kernel::loopback(),
        kernel::port(port),
        kernel::backlog(),
        kernel::counting(),
        kernel::tracing(),
        kernel::attaching(),
        kernel::io_uring(),
    ];
    machine.into_iter().chain(kernel).chain(programs::all()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_says_what_it_spoils_and_what_fixes_it_within_the_width() {
        let effect = "a long line of words about what will not work when this is not there at all";
        let finding = Finding::bad("thing", "none", effect, "get one");
        let lines = finding.lines(60);
        assert!(lines.starts_with("BAD  thing           none\n"), "{lines}");
        assert!(lines.contains("to fix it: get one"), "{lines}");
        assert!(lines.lines().all(|line| line.chars().count() <= 60), "{lines}");
        assert!(Finding::good("thing", "there").lines(60).starts_with("ok   thing"));
    }
}
