//! Other programs that pages use.

use std::process::{Command, Stdio};

use super::Finding;

/// A program, what it is asked first (most for their version), what lacks without it, and where it comes from.
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
    (
        "ps",
        "-eo pid,ppid,stat,args",
        "the bugs that are seen with ps cannot be shown",
        "install procps",
    ),
];

pub(super) fn all() -> impl Iterator<Item = Finding> {
    PROGRAMS.into_iter().map(|(program, question, effect, fix)| {
        match Command::new(program).args(question.split(' ')).stderr(Stdio::null()).output() {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let words: Vec<&str> =
                    text.lines().next().unwrap_or_default().split_whitespace().collect();
                Finding::good(program, words.join(" "))
            }
            Ok(_) => Finding::bad(program, format!("`{program} {question}` fails"), effect, fix),
            Err(_) => Finding::bad(program, "not there", effect, fix),
        }
    })
}
