//! What the starter and the solution get from the grader.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::{Duration, Instant};

use lab::check::{Rubric, Subject, Target, total};
use lab::instruments::limits::Limits;
use protocol::Framing;

/// What a server gets that this program is.
fn points_of(program: &str) -> String {
    // A thousand clients are a thousand descriptors here.
    let _ = Limits::here();
    let address = ([127, 0, 0, 1], 0).into();
    let start = format!("'{program}' {{port}}").parse().unwrap();
    let patience = Duration::from_secs(1);
    let target = Target { start: Some(start), patience, ..Target::new(address) };
    let deadline = Instant::now() + Duration::from_secs(120);
    let cases = Rubric::usual(Framing::Line).cases;
    let verdicts = Subject::new(target).unwrap().check(&cases, deadline, |verdict| {
        println!("{verdict:?}");
    });
    total(&verdicts)
}

#[test]
fn the_starter_is_an_echo_and_little_more() {
    let points = "32 of 100 points; cases: 13 passed, 17 failed, 0 not asked";
    assert_eq!(points_of(env!("CARGO_BIN_EXE_starter")), points);
}

#[test]
fn the_solution_gets_all_points() {
    let points = "100 of 100 points; cases: 30 passed, 0 failed, 0 not asked";
    assert_eq!(points_of(env!("CARGO_BIN_EXE_solution")), points);
}
