//! The lab as its user meets it.

use std::process::Command;

use libtest_mimic::Trial;

use crate::command_line::one_line;
use crate::support::Server;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("lab: compares two models and writes what it found", || {
            compares_two_models();
            Ok(())
        }),
        Trial::test("lab: check passes our server, a line a case", || {
            checks_a_server();
            Ok(())
        }),
        Trial::test("lab: check fails a wrong server and says what it received", || {
            fails_a_wrong_server();
            Ok(())
        }),
        Trial::test("lab: a mistake is one clear line and a status", || {
            answers_mistakes();
            Ok(())
        }),
    ]
}

/// A mistake, the status that it gets, and what the one line says about it.
const MISTAKES: &[(&[&str], i32, &str)] = &[
    (&["--models", "fork,threads"], 1, "no model \"threads\"; there are iterative, fork,"),
    (&["--models", ""], 1, "no model"),
    (&["--models", "floor"], 1, "the floor is always measured"),
    (&["--json", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["--slow"], 2, "--slow"),
    (&["nonsense"], 2, "nonsense"),
    (&["serve", "threads"], 1, "no model \"threads\""),
    (&["crash", "--models", "x"], 1, "no model \"x\""),
    (&["check", "--addr", "nowhere"], 2, "--addr"),
    (&["check", "--addr", "127.0.0.1:1"], 1, "no server at 127.0.0.1:1"),
    (&["check", "--only", "all"], 2, "--only"),
    (&["check", "--framing", "json"], 2, "--framing"),
    (&["check", "--max-message", "1"], 2, "--max-message"),
    (&["check", "--timeout", "0s"], 2, "--timeout"),
];

fn answers_mistakes() {
    for (arguments, status, says) in MISTAKES {
        let line = one_line(lab(arguments), *status);
        assert!(line.starts_with("lab: ") && line.contains(says), "{arguments:?}: {line}");
    }
}

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments);
    command
}

fn compares_two_models() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a plain path");
    let output = lab(&["--quick", "--models", "thread,pool", "--json", path]).output();
    let output = output.expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("thread") && text.contains("pool") && text.contains("floor"), "{text}");
    let record = std::fs::read_to_string(path).expect("the file");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    for server in ["thread", "pool", "floor"] {
        let figures = record["servers"][server].as_object().expect("figures");
        assert_eq!(figures.len(), 15, "{figures:?}");
        let rate = figures["connections_per_second_many_clients"]["median"].as_f64();
        assert!(rate > Some(0.0), "{server}: {rate:?}");
    }
}

fn check(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = lab(&["check", "--addr", &server.address().to_string()]);
    let output = command.args(arguments).output().expect("the lab");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

fn checks_a_server() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a plain path");
    let server = Server::start("async", &["--quiet"]);
    let (status, text) = check(&server, &["--json", path]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok ")), "{text}");
    let record = std::fs::read_to_string(path).expect("the file");
    let verdicts: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let verdicts = verdicts.as_array().expect("verdicts");
    assert_eq!(verdicts.len(), text.lines().count());
    assert!(verdicts.iter().all(|verdict| verdict["passed"] == true), "{verdicts:?}");
}

/// A server that takes shorter messages than it is said to.
fn fails_a_wrong_server() {
    let server = Server::start("thread", &["--quiet", "--max-message", "500"]);
    let (status, text) = check(&server, &["--max-message", "1000", "--only", "echo"]);
    assert_eq!(status, Some(1), "{text}");
    let failed: Vec<_> = text.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!(failed, ["FAIL  echo   a message of the greatest length comes back whole"]);
    assert!(text.contains("received  \"ERROR message longer than 500 bytes"), "{text}");
}
