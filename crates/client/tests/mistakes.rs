//! What a user's mistake is answered with: one line and a status, never a backtrace.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::process::Command;

/// A mistake, the status that it gets, and what the one line says about it.
const MISTAKES: &[(&[&str], i32, &str)] = &[
    (&["--addr", "nowhere"], 2, "--addr"),
    (&["--addr", "127.0.0.1:1"], 1, "no server at 127.0.0.1:1"),
    (&["--framing", "json"], 2, "line, raw"),
    (&["--count", "-1"], 2, "-1"),
    (&["--count", "many"], 2, "--count"),
    (&["--timeout", "0s"], 2, "at least 1ms"),
    (&["--message"], 2, "--message"),
    (&["surplus"], 2, "surplus"),
    (&["localhost", "5556"], 2, "did you mean `--addr localhost:5556`?"),
    (&["--addr", "localhost"], 2, "such as localhost:5555"),
    (&["load", "127.0.0.1:5556"], 2, "did you mean `--addr 127.0.0.1:5556`?"),
    (&["--no-such-option"], 2, "--no-such-option"),
    (&["chat", "--addr", "nowhere"], 2, "--addr"),
    (&["chat", "--addr", "127.0.0.1:1"], 1, "no server at 127.0.0.1:1"),
    (&["chat", "--framing", "json"], 2, "line, raw"),
    (&["chat", "--timeout", "1"], 2, "--timeout"),
    (&["chat", "--count", "3"], 2, "--count"),
    (&["load", "--addr", "nowhere"], 2, "--addr"),
    (&["laod"], 2, "did you mean `load`? (`client --help`"),
    (&["load", "--conections", "3"], 2, "did you mean `--connections`? (`client load --help`"),
    (&["load", "--addr", "127.0.0.1:1"], 1, "no server at 127.0.0.1:1; start one: cargo run"),
    (&["load", "--connections", "0"], 2, "--connections"),
    (&["load", "--connections", "1000001"], 2, "--connections"),
    (&["load", "--duration", "0s"], 2, "at least 1ms"),
    (&["load", "--duration", "10"], 2, "such as 1s or 50ms"),
    (&["load", "--warm-up", "soon"], 2, "--warm-up"),
    (&["load", "--delay-start", "soon"], 2, "--delay-start"),
    (&["load", "--message-size", "8"], 2, "--message-size"),
    (&["load", "--per-connection", "0"], 2, "--per-connection"),
    (&["load", "--rate", "0"], 2, "messages per second"),
    (&["load", "--rate", "fast"], 2, "--rate"),
    (&["load", "--timeout", "0s"], 2, "--timeout"),
    (&["load", "--farewell", "kiss"], 2, "half-close, bye"),
    (&["load", "--json", "/nowhere/file"], 1, "cannot write /nowhere/file"),
];

#[test]
fn a_mistake_is_one_clear_line_and_a_status() {
    for (arguments, status, says) in MISTAKES {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
        let output = command.args(*arguments).env("RUST_BACKTRACE", "1").output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
        assert!(line.starts_with("client: ") && line.contains(says), "{arguments:?}: {line}");
        let (parts, mut once) = (line.trim_end().split(": "), BTreeSet::new());
        assert!(parts.into_iter().all(|part| once.insert(part)), "twice: {line}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
