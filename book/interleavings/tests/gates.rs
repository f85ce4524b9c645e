//! The gate of the exercise has no order in which it fails, and each of the others has one.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[allow(dead_code)] // The example tells which run it was.
#[path = "../examples/orders/explore.rs"]
mod explore;
#[allow(dead_code)] // The example tells what each is about.
#[path = "../examples/orders/gates/mod.rs"]
mod gates;
#[path = "../examples/orders/steps.rs"]
mod steps;
#[path = "../examples/orders/sync.rs"]
mod sync;

use explore::{Explored, explore};
use gates::CANDIDATES;

/// What is found of a gate, and the last step of the order in which it fails.
fn tried(name: &str) -> (Explored, String) {
    let gate = CANDIDATES.iter().find(|it| it.name == name).unwrap();
    let explored = explore(gate.gate);
    (explored, steps::table().lines().last().unwrap_or_default().to_owned())
}

/// One test, since steps are noted down in one place, and loom has one run at a time.
#[test]
fn the_gate_of_the_exercise_holds_in_every_order_and_each_mistake_is_found_and_shown() {
    let (right, _) = tried("gate");
    assert!(matches!(right, Explored::Holds { runs } if runs > 1000));
    let two = "two are in, and there is one place";
    let nobody = "who is not out waits, and nobody is left to wake it";
    for (gate, reason, last) in [
        ("if-for-while", two, "is in"),
        ("lost-wake-up", nobody, "unlocks and waits"),
        ("three-steps", two, "is in"),
    ] {
        let (wrong, step) = tried(gate);
        assert!(matches!(wrong, Explored::Fails { why, .. } if why == reason), "{gate}");
        assert!(step.ends_with(last), "{gate}: {step}");
    }
}
