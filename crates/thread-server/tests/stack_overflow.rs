//! What becomes of a program that links this crate when a stack overflows. Each test runs itself
//! as that program.

#![allow(clippy::expect_used, missing_docs, reason = "a test fails by a panic")]

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::thread;

use nix::sys::signal::{Signal, raise};
use thread_server as _;

/// Runs a fault in a process of its own, which is the test of that name once more.
fn process_with(test: &str, fault: fn()) -> Output {
    const ROLE: &str = "PROCESS_WITH_A_FAULT";
    if std::env::var_os(ROLE).is_some() {
        fault();
        std::process::exit(0);
    }
    let mut process = Command::new(std::env::current_exe().expect("this program"));
    process.args(["--exact", test, "--nocapture"]).env(ROLE, "");
    process.output().expect("a process that starts")
}

#[allow(unconditional_recursion, reason = "this is the fault")]
fn recurse(frame: [u8; 256]) -> u8 {
    black_box(recurse(black_box(frame)))
}

#[test]
fn an_overflow_in_a_thread_ends_the_process_by_a_signal() {
    let output = process_with("an_overflow_in_a_thread_ends_the_process_by_a_signal", || {
        let _ = thread::spawn(|| recurse([0; 256])).join();
    });
    let by_a_fault = [Signal::SIGSEGV, Signal::SIGBUS].map(|it| Some(it as i32));
    assert!(by_a_fault.contains(&output.status.signal()), "{output:?}");
}

#[test]
fn a_signal_of_a_fault_from_outside_ends_the_process() {
    let output = process_with("a_signal_of_a_fault_from_outside_ends_the_process", || {
        let _ = raise(Signal::SIGBUS);
    });
    assert_eq!(output.status.signal(), Some(Signal::SIGBUS as i32), "{output:?}");
}
