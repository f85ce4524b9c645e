//! Who is there, counted right in two models.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::thread;

use exercises::census::Census;
use exercises::right;
use nix::libc::_exit;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

#[test]
fn still_0_one_handler_counts_right() {
    let census = Census::among_threads();
    right!([census.come(), census.come()], [1, 2]);
    census.go();
    right!(census.here(), 1, "two who came and one who went");
}

#[test]
fn task_1_threads_forget_nobody() {
    const CLIENTS: usize = 200_000;
    let census = Census::among_threads();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..CLIENTS).map(|_| census.come()).max());
        }
    });
    right!(census.here(), 2 * CLIENTS, "two threads and all their clients");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..CLIENTS).for_each(|_| census.go()));
        }
    });
    right!(census.here(), 0, "all of them gone");
}

#[test]
fn task_2_a_parent_sees_whom_its_children_count() {
    let census = Census::among_processes().unwrap();
    for _ in 0..3 {
        count_in_a_child(&census);
    }
    right!(census.here(), 3, "three children with a client each");
}

/// Forks a child that counts one client, and waits for it.
#[allow(unsafe_code)]
fn count_in_a_child(census: &Census) {
    // SAFETY: the child of a process with threads may make calls that are safe in a signal handler. It
    // adds to a number, and ends by `_exit`.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            census.come();
            // SAFETY: ends the child at once, without what its parent has set up for its end.
            unsafe { _exit(0) }
        }
        ForkResult::Parent { child } => drop(waitpid(child, None).unwrap()),
    }
}
