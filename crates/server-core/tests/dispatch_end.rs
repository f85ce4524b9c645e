//! A worker that fails, and the acceptor that works for it: alone in its process, since that end is the end of all.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use std::io;

use server_core::Worker;

mod support;

use support::{is, workers};

#[test]
fn the_failure_of_a_worker_is_the_end_of_who_accepts_for_it() {
    let (workers, connections, _) = workers(false);
    let serve = |worker: Worker| match is(&worker, "worker 2") {
        true => Err(io::Error::other("no more events")),
        false => worker.pipe.wait(None),
    };
    let ended = workers.run(&connections, serve);
    assert_eq!(ended.expect_err("its error").to_string(), "no more events");
}
