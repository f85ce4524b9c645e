//! Workers with a listener each, of which one ends. The end of the first is that of all in the process, but each
//! set of workers wakes its own.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use server_core::{Source, Worker};

mod support;

use support::{is, workers};

/// Waits for the end, as a worker does that has nothing to do.
fn wait_for_the_end(worker: &Worker) -> io::Result<()> {
    worker.pipe.wait(None)
}

#[test]
fn a_worker_that_fails_ends_all_with_its_error() {
    for name in ["worker 1", "worker 3"] {
        let (workers, connections, _) = workers(true);
        let run = workers.run(&connections, |worker| match is(&worker, name) {
            true => Err(io::Error::other("no more events")),
            false => wait_for_the_end(&worker),
        });
        assert_eq!(run.expect_err("its error").to_string(), "no more events");
    }
}

#[test]
fn a_worker_that_panics_ends_all_and_the_panic_goes_on() {
    for name in ["worker 1", "worker 2"] {
        let (workers, connections, _) = workers(true);
        let run = || {
            workers.run(&connections, |worker| {
                assert!(!is(&worker, name), "a worker that panics");
                wait_for_the_end(&worker)
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    }
}

#[test]
fn each_worker_with_a_listener_of_its_own_has_its_share_of_the_limit() {
    let (workers, connections, _) = workers(true);
    let shares: Mutex<Vec<usize>> = Mutex::default();
    let serve = |worker: Worker| {
        assert!(matches!(worker.source, Source::Listener(_)));
        shares.lock().expect("no panic").push(worker.options.max_connections);
        Ok(())
    };
    workers.run(&connections, serve).expect("a good end");
    assert_eq!(*shares.lock().expect("no panic"), [33, 33, 33]);
}
