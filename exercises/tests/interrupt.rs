//! Ctrl-C leaves no attempt behind. With the feature `yours`, since one of the files to work on hangs.

#![cfg(all(feature = "yours", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by a panic")]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};

#[test]
fn a_signal_that_ends_the_program_ends_the_attempt_that_hangs() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exercises"));
    let mut program = command.args(["run", "pool/closing"]).spawn().unwrap();
    let attempt = within_seconds(|| child_of(program.id().cast_signed()));
    kill(Pid::from_raw(program.id().cast_signed()), Signal::SIGINT).unwrap();
    program.wait().unwrap();
    let attempt = attempt.expect("an attempt");
    if within_seconds(|| (!lives(attempt)).then_some(())).is_none() {
        kill(Pid::from_raw(attempt), Signal::SIGKILL).unwrap();
        panic!("it goes on");
    }
}

/// What there is, or comes within some seconds.
fn within_seconds<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let found = look();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn child_of(pid: i32) -> Option<i32> {
    let stats = all_processes().unwrap().filter_map(|it| it.ok()?.stat().ok());
    stats.into_iter().find(|stat| stat.ppid == pid).map(|stat| stat.pid)
}

fn lives(pid: i32) -> bool {
    let stat = Process::new(pid).and_then(|it| it.stat());
    stat.is_ok_and(|stat| stat.state != 'Z')
}
