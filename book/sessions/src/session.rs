//! A session: commands, and what each printed.

use std::fmt;

use crate::shape;

/// What was typed, and what came out.
pub(crate) struct Session {
    /// Where it stands: a file, and the line where it is in a page.
    pub(crate) place: String,
    pub(crate) steps: Vec<Step>,
    /// Whether what it shows is held against what comes out; else only that each command succeeds.
    pub(crate) shows_output: bool,
}

/// A command and what it prints.
#[derive(Clone, Default)]
pub(crate) struct Step {
    /// As it was typed, on one line or more.
    pub(crate) command: String,
    pub(crate) output: Vec<String>,
    /// Zero where it succeeded.
    pub(crate) status: i32,
}

impl Session {
    /// Reads it: a line that begins with `$ ` is a command, which goes on where the line ends in `\`.
    pub(crate) fn read<'a>(
        place: &str,
        lines: impl Iterator<Item = &'a str>,
        shows_output: bool,
    ) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for line in lines {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { command: command.to_owned(), ..Step::default() });
                }
                (None, Some(step)) if step.output.is_empty() && step.command.ends_with('\\') => {
                    step.command += &format!("\n{line}");
                }
                (None, Some(step)) => step.output.push(line.to_owned()),
                (None, None) => {}
            }
        }
        Session { place: place.to_owned(), steps, shows_output }
    }

    /// Whether it may listen at the port of the tour, or speak to who does.
    pub(crate) fn uses_the_port(&self) -> bool {
        const NAMED: [&str; 7] =
            ["-server", "client", "5555", "bugs", "relay", "runtime", "identify"];
        let is_named = |it: &&str| self.steps.iter().any(|step| step.command.contains(it));
        NAMED.iter().any(is_named)
    }

    /// What is otherwise in what came, told for a reader.
    pub(crate) fn differs_from(&self, came: &Session) -> Option<String> {
        self.steps.iter().zip(&came.steps).find_map(|(shown, came)| {
            if !self.shows_output {
                return (came.status != 0).then(|| {
                    let output = came.output.join("\n");
                    format!("$ {}\n{output}\nstatus {}", came.command, came.status)
                });
            }
            if shown.goes_side_by_side() && shape::has_the_same_words(&shown.output, &came.output) {
                return None;
            }
            let (line, other) = shape::difference(&shown.output, &came.output)?;
            Some(format!("$ {}\nshown: {line}\ncame:  {other}", shown.command))
        })
    }
}

impl Step {
    /// Whether it shows what goes on at the same time, what threads do or two commands say: the order is theirs.
    fn goes_side_by_side(&self) -> bool {
        self.command.contains(" anatomy ") || self.command.contains(" & ")
    }
}

/// As it stands in a file.
impl fmt::Display for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(out, "$ {}", step.command)?;
            step.output.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Session;

    fn read(text: &str) -> Session {
        Session::read("here", text.lines(), true)
    }

    /// Whether what came is as it was shown.
    fn is_same(shown: &str, came: &str) -> bool {
        read(&format!("$ one\n{shown}")).differs_from(&read(&format!("$ one\n{came}"))).is_none()
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        const TEXT: &str = "$ one \\\n  two\nout\n$ three\nmore\n";
        let session = read(TEXT);
        assert_eq!(session.steps.len(), 2);
        assert_eq!(session.steps[0].command, "one \\\n  two");
        assert_eq!(session.to_string(), TEXT);
    }

    #[test]
    fn other_words_are_a_difference_and_other_figures_are_none() {
        let shown = "took 12 ms\n";
        assert!(is_same(shown, "took 3.5 ms\n"));
        for came in ["failed\n", "", "took 1 ms\nand failed\n"] {
            assert!(!is_same(shown, came), "{came:?}");
        }
    }

    #[test]
    fn a_short_word_counts_and_a_unit_does_not() {
        let shown = "cut  new\n6/6  no\n0.7 ms 20k\n";
        assert!(is_same(shown, "cut  new\n5/6  no\n1.2 s 3.1M\n"));
        assert!(!is_same(shown, "cut  new\n6/6  yes\n0.7 ms 20k\n"));
        assert!(is_same("A receives: from B\n", "A receives: from A\n"));
        assert!(is_same("minimal failing input: a\n", "minimal failing input: b\n"));
    }

    #[test]
    fn the_machine_makes_no_difference() {
        let shown = "Played once. Some CPU, 2\ncores, 24 GiB, Linux 6.18-kind, 2026-11-25T10:55:23Z.\nend\n";
        let other = "Played once. Another Kind,\n4 cores of a virtual machine, 2 GiB, Linux 6.1, 2026-11-26T00:00:00Z.\nend\n";
        assert!(is_same(shown, other));
        assert!(!is_same(shown, &other.replace("once", "twice")));
        assert!(!is_same(shown, &other.replace("end", "more")));
    }

    #[test]
    fn where_a_line_is_broken_makes_no_difference() {
        let shown = "waited 12 ms and\nwas served\n";
        assert!(is_same(shown, "waited 2 ms and was\nserved\n"));
        assert!(!is_same(shown, "waited 2 ms and was\n"));
    }

    #[test]
    fn what_threads_do_at_the_same_time_may_come_in_any_order() {
        let read = |text: &str| read(&format!("$ lab anatomy --models thread\n{text}"));
        let shown = read("acceptor  thread\naccept    rseq\n");
        let same = |came: &str| shown.differs_from(&read(came)).is_none();
        assert!(same("acceptor  thread\n          rseq\naccept\n"));
        assert!(!same("acceptor  thread\naccept    read\n"));
    }

    #[test]
    fn what_two_commands_say_at_the_same_time_may_come_in_any_order() {
        let read = |text: &str| read(&format!("$ (one & two; wait)\n{text}"));
        let shown = read("hello\nhello\nended\nended\n");
        assert_eq!(shown.differs_from(&read("hello\nended\nhello\nended\n")), None);
        assert!(shown.differs_from(&read("hello\nended\n")).is_some());
    }

    #[test]
    fn lines_that_are_left_out_may_have_come() {
        let shown = "first\n...\nlast\n";
        assert!(is_same(shown, "first\nmiddle\nlast\n"));
        assert!(is_same(shown, "first\nlast\nmiddle\nlast\n"));
        for came in ["first\nmiddle\n", "first\nlast\nmore\n"] {
            assert!(!is_same(shown, came), "{came:?}");
        }
    }

    #[test]
    fn where_no_output_is_shown_a_command_only_has_to_succeed() {
        let (shown, mut came) =
            (Session { shows_output: false, ..read("$ one\n") }, read("$ one\nwords\n"));
        assert_eq!(shown.differs_from(&came), None);
        came.steps[0].status = 1;
        assert!(shown.differs_from(&came).is_some());
    }
}
