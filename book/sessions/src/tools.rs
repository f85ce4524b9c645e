//! The programs of a session that are no part of this project, and that a machine may lack or forbid.

use std::process::{Command, Stdio};

use crate::session::Session;

/// A program, and what tells whether it may be used here.
const TOOLS: [(&str, &str); 5] = [
    ("gdb", "sleep 9 & gdb -batch -p $! 2>&1 | grep -q detached; found=$?; kill $!; exit $found"),
    ("perf", "perf record -q -e cpu-clock -o /dev/null true"),
    (
        "strace",
        "sleep 9 & timeout -s INT 1 strace -p $! 2>&1 | grep -q attached; found=$?; kill $!; exit $found",
    ),
    ("ss", "ss -V"),
    // As `.ci/locust` installs it, where it can be had.
    ("target/locust/bin/locust", "test -x target/locust/bin/locust"),
];

/// The program that a session needs and cannot have here.
pub(crate) fn lacking(session: &Session) -> Option<&'static str> {
    let is_named = |tool: &str| {
        let mut words = session.steps.iter().flat_map(|step| step.command.split_whitespace());
        words.any(|word| word == tool)
    };
    let needed = TOOLS.iter().filter(|(tool, _)| is_named(tool));
    needed.filter(|(_, probe)| !succeeds(probe)).map(|(tool, _)| *tool).next()
}

fn succeeds(probe: &str) -> bool {
    let mut command = Command::new("bash");
    command.args(["-c", probe]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
