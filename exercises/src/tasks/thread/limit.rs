use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use crate::answers::thread::limit::{Gate, Place};
use crate::exercise::{Exercise, Kind, Outcome, Task, holds, right};
use crate::tasks::client::{A_WHILE, PATIENCE};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "thread/limit",
    kind: Kind::Bug,
    about: "a client that leaves does not give its place back",
    hints: [
        "`enter` takes one from `free`, and waits while there is none. Who adds one?",
        "`drop` has to add the place and to wake one that waits: `Condvar::notify_one`.",
    ],
    tasks: &[
        Task::still("who finds a free place enters at once", enters),
        Task::new("who finds none waits until somebody leaves", waits),
        Task::new("a place is given back also by a panic", panics),
        Task::new("there are as many places as before, and no more", as_many),
    ],
};

/// Enters in a thread of its own, which hands over the place as soon as it has it.
fn enter(gate: &Arc<Gate>, entered: &Sender<Place>) {
    let (gate, entered) = (Arc::clone(gate), entered.clone());
    thread::spawn(move || entered.send(gate.enter()));
}

fn enters() -> Outcome {
    let (gate, (sender, entered)) = (Gate::new(2), channel());
    (0..2).for_each(|_| enter(&gate, &sender));
    let _places = [entered.recv_timeout(PATIENCE)?, entered.recv_timeout(PATIENCE)?];
    Ok(())
}

fn waits() -> Outcome {
    let (gate, (sender, entered)) = (Gate::new(1), channel());
    let first = gate.enter();
    enter(&gate, &sender);
    holds!(entered.recv_timeout(A_WHILE).is_err(), "two entered, and there is one place");
    drop(first);
    let waits = "the first has left, and the second still waits";
    holds!(entered.recv_timeout(PATIENCE).is_ok(), waits);
    Ok(())
}

fn as_many() -> Outcome {
    let (gate, (sender, entered)) = (Gate::new(2), channel());
    let two = [gate.enter(), gate.enter()];
    (0..3).for_each(|_| enter(&gate, &sender));
    drop(two);
    let next = |_| entered.recv_timeout(PATIENCE).ok();
    let places: Vec<Place> = (0..2).filter_map(next).collect();
    right!("entered of three who waited, when two had left", places.len(), 2);
    holds!(entered.recv_timeout(A_WHILE).is_err(), "three entered, and there are two places");
    drop(places);
    holds!(next(0).is_some(), "those two have left as well, and the third still waits");
    Ok(())
}

fn panics() -> Outcome {
    let gate = Gate::new(1);
    let panicking = Arc::clone(&gate);
    let outcome = thread::spawn(move || {
        let _place = panicking.enter();
        // Quietly: this panic is expected.
        std::panic::resume_unwind(Box::new(()));
    });
    holds!(outcome.join().is_err(), "the thread should have panicked");
    let gone = "the thread that had the place has panicked, and the place is not free";
    let (sender, entered) = channel();
    enter(&gate, &sender);
    holds!(entered.recv_timeout(PATIENCE).is_ok(), gone);
    Ok(())
}
