//! The program as it stands alone.

#![allow(clippy::expect_used, missing_docs, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The standard library would catch it, take it for no overflow of a stack, and go on.
#[test]
fn a_signal_of_a_fault_ends_it_at_once_since_the_standard_library_does_not_catch_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thread-server"));
    command.args(["--addr", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().expect("the server");
    let mut line = String::new();
    let output = server.stdout.as_mut().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("where it listens");
    // The second ends it in any case.
    for signal in [Signal::SIGSEGV, Signal::SIGTERM] {
        kill(Pid::from_raw(server.id().cast_signed()), signal).expect("a process to wait for");
    }
    let status = server.wait().expect("its end");
    assert_eq!(status.signal(), Some(Signal::SIGSEGV as i32), "{status}");
}
