//! The gate of the exercise has no order in which it fails, and each of the others has one.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Command;

/// What the program prints of a gate, and whether that gate holds.
fn tried(gate: &str) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interleavings"));
    let output = command.arg(gate).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

#[test]
fn the_gate_of_the_exercise_holds_in_every_order() {
    let (text, holds) = tried("gate");
    assert!(holds, "{text}");
    let (orders, _) = text.split_once(" orders, and in each of them").unwrap();
    let orders: usize = orders.lines().last().unwrap().parse().unwrap();
    assert!(orders > 1000, "{text}");
}

#[test]
fn each_mistake_is_found_and_its_order_is_shown() {
    let two = "two are in, and there is one place";
    let nobody = "who is not out waits, and nobody is left to wake it";
    for (gate, why, last) in [
        ("if-for-while", two, "is in"),
        ("lost-wake-up", nobody, "unlocks and waits"),
        ("three-steps", two, "is in"),
    ] {
        let (text, holds) = tried(gate);
        assert!(!holds && text.contains(why), "{text}");
        let steps: Vec<&str> = text.lines().take_while(|line| !line.starts_with("order")).collect();
        assert!(steps[steps.len() - 2].ends_with(last), "{text}");
    }
}
