//! Ctrl-C leaves no attempt behind. With the feature `yours`, since one of the files to work on hangs.

#![cfg(all(feature = "yours", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};

#[test]
fn a_signal_that_ends_the_program_ends_the_attempt_that_hangs() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exercises"));
    let mut program = command.args(["run", "pool/closing"]).spawn().unwrap();
    let attempt = child_of(program.id().cast_signed());
    kill(Pid::from_raw(program.id().cast_signed()), Signal::SIGINT).unwrap();
    program.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    while lives(attempt) {
        if Instant::now() > end {
            kill(Pid::from_raw(attempt), Signal::SIGKILL).unwrap();
            panic!("it goes on");
        }
    }
}

/// The child of a process that is going to have one.
fn child_of(pid: i32) -> i32 {
    loop {
        let stats = all_processes().unwrap().filter_map(|it| it.ok()?.stat().ok());
        if let Some(child) = stats.into_iter().find(|stat| stat.ppid == pid) {
            return child.pid;
        }
    }
}

fn lives(pid: i32) -> bool {
    let stat = Process::new(pid).and_then(|it| it.stat());
    stat.is_ok_and(|stat| stat.state != 'Z')
}
