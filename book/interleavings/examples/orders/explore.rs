//! Three threads that go through a gate with one place, in every order.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use loom::model::Builder;
use loom::thread;

use crate::gates::Pass;
use crate::steps;

/// What was found.
pub(crate) enum Explored {
    /// Nothing wrong, in this many runs: one for each order.
    Holds { runs: usize },
    /// In this run something went wrong: what. The threads of the runs before it were not interrupted
    /// more often than this many times, all together.
    Fails { run: usize, interruptions: Option<usize>, why: String },
}

/// Runs it in every order: first in those in which no thread is interrupted, then in those with one
/// interruption, and so on. So the first that fails is a short one.
pub(crate) fn explore(gate: fn(usize) -> Pass) -> Explored {
    for interruptions in [Some(0), Some(1), Some(2), Some(3), None] {
        match explore_with(gate, interruptions) {
            Explored::Holds { .. } if interruptions.is_some() => {}
            found => return found,
        }
    }
    unreachable!("the last of them returns")
}

fn explore_with(gate: fn(usize) -> Pass, interruptions: Option<usize>) -> Explored {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut model = Builder::new();
    model.preemption_bound = interruptions;
    let count = Arc::clone(&runs);
    let check = move || {
        count.fetch_add(1, Ordering::SeqCst);
        steps::forget();
        three_through(gate(1));
    };
    let why = panics_with(move || model.check(check));
    let runs = runs.load(Ordering::SeqCst);
    match why {
        None => Explored::Holds { runs },
        Some(why) if why.starts_with("deadlock") => {
            let why = "who is not out waits, and nobody is left to wake it".to_owned();
            Explored::Fails { run: runs, interruptions, why }
        }
        Some(why) => Explored::Fails { run: runs, interruptions, why },
    }
}

/// What a panic says; nothing where there is none.
fn panics_with(then: impl FnOnce() + panic::UnwindSafe) -> Option<String> {
    static SAID: Mutex<Option<String>> = Mutex::new(None);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|panic| {
        // Loom ends the threads of a run by panics without a word.
        if let Some(what) = panic.payload_as_str() {
            let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
            said.get_or_insert_with(|| what.to_owned());
        }
    }));
    let outcome = panic::catch_unwind(then);
    panic::set_hook(usual);
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner).take();
    outcome.err().and(said)
}

/// One run.
fn three_through(pass: Pass) {
    let inside = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
    let go = move |pass: Pass, inside: Arc<loom::sync::atomic::AtomicUsize>| {
        pass(&|| {
            let there = inside.fetch_add(1, Ordering::SeqCst) + 1;
            steps::step("is in");
            assert!(there == 1, "two are in, and there is one place");
            inside.fetch_sub(1, Ordering::SeqCst);
            steps::step("goes");
        });
    };
    steps::name(thread::current().id());
    let others = [0, 1].map(|_| {
        let (pass, inside) = (Arc::clone(&pass), Arc::clone(&inside));
        let thread = thread::spawn(move || go(pass, inside));
        steps::name(thread.thread().id());
        thread
    });
    go(pass, inside);
    for thread in others {
        assert!(thread.join().is_ok(), "a thread panicked");
    }
}
