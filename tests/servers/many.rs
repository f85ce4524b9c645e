//! Thousands of clients at once.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use client::load::{Extent, Load, OnFailure};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use server_core::{AtOnce, Ending, raise_open_file_limit};

use crate::of_those;
use crate::support::Subject;

pub(crate) fn trials() -> Vec<Trial> {
    let waits_without_threads =
        |it: &Subject| it.has_one_thread() && it.model.at_once == AtOnce::All;
    let name = "answers 10000 connections of one client";
    of_those(waits_without_threads, name, answers_ten_thousand).collect()
}

/// As many as asked for, or what the open-file limit leaves, and then it says so.
fn allowed(connections: usize) -> usize {
    let limit = usize::try_from(raise_open_file_limit()).unwrap_or(usize::MAX);
    let room = limit.saturating_sub(500);
    if room < connections {
        println!("the open-file limit of {limit} leaves room for {room} connections");
    }
    room.min(connections)
}

fn answers_ten_thousand(subject: Subject) {
    // So many descriptors this process has only once.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock();
    let server = subject.start(&["--quiet"]);
    let connections = allowed(10_000);
    let (warm_up, duration) = (Duration::ZERO, Duration::from_secs(120));
    let load = Load {
        patience: Duration::from_secs(60),
        farewell: Ending::EndOfInput,
        on_failure: OnFailure::Count,
        ..Load::strict(server.address(), connections, Extent::Time { warm_up, duration })
    };
    let mut all = false;
    let outcome = load.run_watched(|status| {
        // A connection in the backlog is established, and nobody has taken it in yet.
        all |= status.answered_connections == connections && status.established == connections;
        if all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let outcome = outcome.expect("a load");
    assert!(all, "{} connections; {:?}", outcome.all_connections, outcome.failures);
    assert_eq!(outcome.failures.total(), 0, "{:?}", outcome.failures);
    server.process.signal(Signal::SIGTERM).expect("a server");
    let (stopped, _) = server.wait();
    assert!(stopped.output.contains(&format!("at most {connections} at once")), "{stopped:?}");
}
