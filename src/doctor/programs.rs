//! Other programs that pages use.

use std::process::{Command, Stdio};

use super::Finding;

/// A program, how it is asked for its version, what lacks without it, and where it comes from.
const PROGRAMS: [(&str, &str, &str, &str); 7] = [
    (
        "python3",
        "--version",
        "the tutorial's client and the homework's starting point in Python do not run",
        "install Python 3",
    ),
    ("mdbook", "--version", "the book cannot be built", "cargo install mdbook --locked"),
    ("strace", "--version", "a demonstration of `What the kernel sees` lacks", "install strace"),
    (
        "perf",
        "--version",
        "a demonstration of `What the kernel sees` lacks; strace is enough for it",
        "install perf (linux-tools)",
    ),
    ("gdb", "--version", "the chapter on debugging lacks its stacks", "install gdb"),
    ("ss", "-V", "the chapter on debugging lacks its sockets", "install iproute2"),
    ("ps", "--version", "the bugs that are seen with ps cannot be shown", "install procps"),
];

pub(super) fn all() -> impl Iterator<Item = Finding> {
    PROGRAMS.into_iter().map(|(program, version, effect, mend)| {
        match Command::new(program).arg(version).stderr(Stdio::null()).output() {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                Finding::good(program, text.lines().next().unwrap_or_default())
            }
            _ => Finding::bad(program, "not there", effect, mend),
        }
    })
}
