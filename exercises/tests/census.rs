//! Who is there, counted right in two models.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Barrier;
use std::thread;

use exercises::census::Census;
use exercises::right;
use nix::libc::_exit;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork};

#[test]
fn still_0_one_handler_counts_right() {
    let census = Census::among_threads();
    right!([census.come(), census.come()], [1, 2]);
    census.go();
    right!(census.here(), 1, "two who came and one who went");
}

/// Two threads at once, and what each call of this returned in both.
fn in_two_threads<T: Send>(count: usize, call: impl Fn() -> T + Sync) -> Vec<T> {
    let gate = Barrier::new(2);
    let calls = || {
        gate.wait();
        (0..count).map(|_| call()).collect::<Vec<T>>()
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(calls), scope.spawn(calls)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn task_1_threads_forget_nobody() {
    const CLIENTS: usize = 2_000_000;
    let census = Census::among_threads();
    let mut told = in_two_threads(CLIENTS, || census.come());
    right!(census.here(), 2 * CLIENTS, "two threads and all their clients");
    told.sort_unstable();
    let each_another = told.into_iter().eq(1..=2 * CLIENTS);
    right!(each_another, true, "each is told how many there are with it: nobody the same");
    in_two_threads(CLIENTS, || census.go());
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
    // sets an alarm, adds to a number, and ends by `_exit`.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            // Whatever it waits for, its parent does not wait for it for ever.
            alarm::set(10);
            census.come();
            // SAFETY: ends the child at once, without what its parent has set up for its end.
            unsafe { _exit(0) }
        }
        ForkResult::Parent { child } => {
            right!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)), "a child that counts");
        }
    }
}
