//! What the threads have done, in the order in which they did it.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use loom::thread::{self, ThreadId};

/// What the threads are called, in the order in which they begin.
pub(crate) const NAMES: [&str; 3] = ["A", "B", "C"];

/// How wide a thread's column is.
const COLUMN: usize = 22;

struct Steps {
    threads: Vec<ThreadId>,
    steps: Vec<(ThreadId, String)>,
}

/// Those of the run that is under way. Loom runs one thread at a time, and one run after the other.
static STEPS: Mutex<Steps> = Mutex::new(Steps { threads: Vec::new(), steps: Vec::new() });

fn with<T>(then: impl FnOnce(&mut Steps) -> T) -> T {
    then(&mut STEPS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A new run begins.
pub(crate) fn forget() {
    with(|it| {
        it.threads.clear();
        it.steps.clear();
    });
}

/// A thread of this run. Its column is as far to the right as it is late.
pub(crate) fn name(thread: ThreadId) {
    with(|it| it.threads.push(thread));
}

/// The thread that calls this has done something.
pub(crate) fn step(what: &str) {
    let thread = thread::current().id();
    with(|it| it.steps.push((thread, what.to_owned())));
}

/// All steps of the run, a line each, and a column for each thread.
pub(crate) fn table() -> String {
    with(|it| {
        let mut table = format!("      {:COLUMN$}  {:COLUMN$}  {}\n", NAMES[0], NAMES[1], NAMES[2]);
        for (number, (thread, what)) in it.steps.iter().enumerate() {
            let column = it.threads.iter().position(|other| other == thread).unwrap_or_default();
            let indent = column * (COLUMN + 2);
            // Writing into a string cannot fail.
            let _ = writeln!(table, "{:>4}  {:indent$}{what}", number + 1, "");
        }
        table
    })
}
