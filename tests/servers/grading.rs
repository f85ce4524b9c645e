//! `lab check` at the command line: points, rubrics, and files for the tools of a classroom.

use std::fs;
use std::io::Write;
use std::process::{Command, Output};

use libtest_mimic::{Failed, Trial};
use nix::unistd::Uid;
use serde_json::Value;

use crate::exhaustion::Shop;
use crate::support::{LAB, Server, any};

/// The table of cases as the specification and the book include it.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/protocol/src/cases.md");

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 9] = [
        ("gives a server that it starts itself all points", all_points),
        ("says the same in the same order if it asks several servers at once", several_at_once),
        ("passes our server at its address, and says what it did not ask", at_an_address),
        ("says of a failure what was sent, what came, and which rule there is", explains_a_failure),
        ("gives the points of a rubric, and asks only its cases", rubric),
        ("tells the line of a mistake in a rubric", mistake_in_a_rubric),
        ("writes JUnit XML", junit),
        ("does not wait for a silent server in each case", time_limit),
        ("lists the cases as the specification and the book show them", list),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(format!("check: {name}"), move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    let is_root = Uid::effective().is_root();
    let needs_root = trial(("a process that may not be looked into costs no points", forbidden));
    let needs_root =
        needs_root.with_kind(if is_root { "" } else { "only root can be another user" });
    tests.into_iter().map(trial).chain([needs_root.with_ignored_flag(!is_root)]).collect()
}

fn check(arguments: &[&str]) -> Output {
    Command::new(LAB).arg("check").args(arguments).output().expect("the lab")
}

fn check_server(server: &Server, arguments: &[&str]) -> Output {
    check(&[&["--addr", &server.address().to_string()], arguments].concat())
}

/// What it prints when it ends with this status.
#[track_caller]
fn printed(output: Output, status: i32) -> String {
    let text = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(status), "{text}{errors}");
    text + &errors
}

fn start_command() -> String {
    format!("'{LAB}' serve {} --quiet --addr 127.0.0.1:{{port}}", any().name())
}

fn file_with(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("room");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("a plain path")
}

fn all_points() {
    let text = printed(check(&["--start", &start_command()]), 0);
    assert!(
        text.ends_with("100 of 100 points; cases: 30 passed, 0 failed, 0 not asked\n"),
        "{text}"
    );
}

/// The cases that fail take longest, and the last one is done long before them.
fn several_at_once() {
    let start = start_command() + " --max-message 500 --framing line";
    let check = |jobs: &str| {
        let limits = ["--max-message", "1000", "--only", "echo", "--jobs", jobs];
        printed(check(&[&["--start", &start], &limits[..]].concat()), 1)
    };
    let one = check("1");
    assert!(one.contains("20 of 22 points; cases: 10 passed, 1 failed, 0 not asked"), "{one}");
    assert_eq!(one, check("5"));
}

fn at_an_address() {
    let server = any().start(&["--quiet"]);
    let file = file_with("");
    let groups = ["--only", "echo", "--only", "faults", "--only", "ending"];
    let output = check_server(&server, &[&groups[..], &["--json", path(&file)]].concat());
    let text = printed(output, 0);
    assert!(text.contains("-     0 of 4  clients that have gone leave no descriptor"), "{text}");
    assert!(text.contains("Not asked: it needs --start or --pid."), "{text}");
    assert!(text.ends_with("26 of 54 points; cases: 12 passed, 0 failed, 5 not asked\n"), "{text}");
    let record = fs::read_to_string(file.path()).expect("the file");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!((&record["points"], &record["of"]), (&26.into(), &54.into()), "{record}");
    let cases = record["cases"].as_array().expect("cases");
    let passed = cases.iter().filter(|case| case["passed"] == true).count();
    assert_eq!((cases.len(), passed), (17, 12), "{record}");
    assert_eq!(cases[16]["not_asked"], "needs_start", "{record}");
}

/// The process of another user.
fn forbidden() {
    let (server, shop) = (any().start(&["--quiet"]), Shop::open());
    let process = server.process.process().to_string();
    let mut lab = shop.lab().expect("root, who can be another user");
    lab.args(["check", "--addr", &server.address().to_string(), "--pid", &process]);
    let output = lab.args(["--only", "faults"]).output().expect("the lab");
    let text = printed(output, 0);
    assert!(text.contains("Not asked: this user may not look into its process."), "{text}");
    assert!(text.contains(" 0 failed, 2 not asked\n"), "{text}");
}

/// A server that takes shorter messages than it is said to.
fn explains_a_failure() {
    let server = any().start(&["--quiet", "--max-message", "500"]);
    let output = check_server(&server, &["--max-message", "1000", "--only", "echo"]);
    let text = printed(output, 1);
    let failed: Vec<_> = text.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!(failed, ["FAIL  0 of 2  a message of the greatest length comes back whole"]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "The client sent 3002 bytes",
        "received \"ERROR message longer than 500 bytes",
        "The rule: The limit counts a message without its line feed",
        "See book/src/job.md.",
        "20 of 22 points",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn rubric() {
    let server = any().start(&["--quiet"]);
    let rubric = file_with("7 Bye may have a CRLF\n# and\n3 an empty line is a message\n");
    let text = printed(check_server(&server, &["--rubric", path(&rubric)]), 0);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "ok    3 of 3  an empty line is a message",
            "ok    7 of 7  Bye may have a CRLF",
            "10 of 10 points; cases: 2 passed, 0 failed, 0 not asked",
        ]
    );
    let usual = printed(check(&["--print-rubric"]), 0);
    let read = printed(check(&["--rubric", path(&file_with(&usual)), "--print-rubric"]), 0);
    assert_eq!(usual, read);
}

fn mistake_in_a_rubric() {
    let rubric = file_with("# mine\n3 an empty line is a message\n3 an empty lion\n");
    let text = printed(check(&["--rubric", path(&rubric)]), 1);
    assert!(text.contains(": line 3: there is no case \"an empty lion\""), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

fn junit() {
    let server = any().start(&["--quiet", "--max-message", "500"]);
    let file = file_with("");
    let arguments = ["--max-message", "1000", "--only", "echo", "--only", "ending"];
    printed(check_server(&server, &[&arguments[..], &["--junit", path(&file)]].concat()), 1);
    let xml = fs::read_to_string(file.path()).expect("the file");
    for part in [
        r#"<testsuites name="lab check" tests="14" skipped="3" errors="0" failures="1">"#,
        r#"<testsuite name="echo" tests="11" skipped="0" errors="0" failures="1">"#,
        r#"<testcase name="lines keep their CRLF" classname="echo""#,
        r#"<failure message="The client sent 3002 bytes"#,
        r#"<skipped message="Not asked: it needs --start.""#,
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

/// A listener that accepts nobody: the kernel does, and nobody answers.
fn time_limit() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("its address").to_string();
    let limits = ["--timeout", "100ms", "--time-limit", "300ms", "--only", "echo"];
    let text = printed(check(&[&["--addr", &address], &limits[..]].concat()), 1);
    assert!(text.contains("received nothing within 100ms"), "{text}");
    assert!(text.contains("The time was over before its turn came"), "{text}");
    assert!(text.contains("0 of 22 points; cases: 0 passed, 11 failed"), "{text}");
}

fn list() {
    let table = fs::read_to_string(TABLE).expect("the table");
    let listed = printed(check(&["--list", "--markdown"]), 0);
    assert_eq!(table, listed, "renew it: cargo run -- check --list --markdown > {TABLE}");
    let text = printed(check(&["--list"]), 0);
    assert!(text.contains("2 echo         a message comes back as it was sent\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
