//! What the starter and the solution get from the grader.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::{Duration, Instant};

use check::{Rubric, Subject, Target, check, total};
use protocol::Framing;

/// How many servers are asked at once.
const SERVERS: usize = 8;

/// What a server gets that this program is, if an answer may take this long.
fn points_of(program: &str, patience: Duration) -> String {
    // A thousand clients are a thousand descriptors here.
    server_core::raise_open_file_limit();
    let address = ([127, 0, 0, 1], 0).into();
    let start = format!("'{program}' {{port}}").parse().unwrap();
    let target = Target { start: Some(start), patience, ..Target::new(address) };
    let deadline = Instant::now() + Duration::from_secs(120);
    let cases = Rubric::usual(Framing::Line).cases;
    let subjects = Subject::several(&target, SERVERS).unwrap();
    let verdicts = check(subjects, &cases, deadline, |verdict| println!("{verdict:?}"));
    total(&verdicts)
}

#[test]
fn the_starter_is_an_echo_and_little_more() {
    let points = "32 of 100 points; cases: 13 passed, 17 failed, 0 not asked";
    assert_eq!(points_of(env!("CARGO_BIN_EXE_starter"), Duration::from_secs(2)), points);
}

#[test]
fn the_solution_gets_all_points() {
    let points = "100 of 100 points; cases: 30 passed, 0 failed, 0 not asked";
    assert_eq!(points_of(env!("CARGO_BIN_EXE_solution"), Duration::from_secs(10)), points);
}
