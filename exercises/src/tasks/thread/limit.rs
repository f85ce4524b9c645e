use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
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
fn enter(gate: &Arc<Gate>) -> Receiver<Place> {
    let (sender, receiver) = channel();
    let gate = Arc::clone(gate);
    thread::spawn(move || sender.send(gate.enter()));
    receiver
}

fn enters() -> Outcome {
    let gate = Gate::new(2);
    let (first, second) = (enter(&gate), enter(&gate));
    let _first = first.recv_timeout(PATIENCE)?;
    let _second = second.recv_timeout(PATIENCE)?;
    Ok(())
}

fn waits() -> Outcome {
    let gate = Gate::new(1);
    let first = gate.enter();
    let second = enter(&gate);
    holds!(second.recv_timeout(A_WHILE).is_err(), "two entered, and there is one place");
    drop(first);
    let waits = "the first has left, and the second still waits";
    holds!(second.recv_timeout(PATIENCE).is_ok(), waits);
    Ok(())
}

fn as_many() -> Outcome {
    let gate = Gate::new(2);
    let two = [gate.enter(), gate.enter()];
    let waiting = [enter(&gate), enter(&gate), enter(&gate)];
    drop(two);
    let is_in = |it: &Receiver<Place>| it.recv_timeout(A_WHILE).ok();
    let places: Vec<Place> = waiting.iter().filter_map(is_in).collect();
    right!("entered of three who waited, when two had left", places.len(), 2);
    drop(places);
    let last = waiting.iter().filter_map(is_in).count();
    right!("entered when those had left, too", last, 1);
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
    holds!(enter(&gate).recv_timeout(PATIENCE).is_ok(), gone);
    Ok(())
}
