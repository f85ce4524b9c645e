//! A thread per connection: no more threads than there are places.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use exercises::limit::{Gate, Place};

const PATIENCE: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(200);

/// Enters in a thread of its own, which hands over the place as soon as it has it.
fn enter(gate: &Arc<Gate>) -> Receiver<Place> {
    let (sender, receiver) = channel();
    let gate = Arc::clone(gate);
    thread::spawn(move || sender.send(gate.enter()));
    receiver
}

#[test]
fn still_who_finds_a_free_place_enters_at_once() {
    let gate = Gate::new(2);
    let _two = [enter(&gate), enter(&gate)].map(|place| place.recv_timeout(PATIENCE).unwrap());
}

#[test]
fn task_1_who_finds_none_waits_until_somebody_leaves() {
    let gate = Gate::new(1);
    let first = gate.enter();
    let second = enter(&gate);
    assert!(second.recv_timeout(A_WHILE).is_err(), "there is one place");
    drop(first);
    assert!(second.recv_timeout(PATIENCE).is_ok(), "the place is free");
}

#[test]
fn task_2_a_place_is_given_back_also_by_a_panic() {
    let gate = Gate::new(1);
    let panicking = Arc::clone(&gate);
    let outcome = thread::spawn(move || {
        let _place = panicking.enter();
        // Quietly: this panic is expected.
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(outcome.join().is_err());
    assert!(enter(&gate).recv_timeout(PATIENCE).is_ok());
}
