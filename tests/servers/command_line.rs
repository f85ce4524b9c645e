//! What a user's mistake is answered with.

use std::net::TcpListener;
use std::process::{Command, Output};

use lab::server_process::serve_command;
use libtest_mimic::Trial;

use crate::{Tests, of_every_model};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<3> = [
        ("a port in use is one clear line and status 1", port_in_use),
        ("a wrong value is one clear line and status 2", wrong_values),
        ("--help lists the options and exits 0", help),
    ];
    tests.into_iter().flat_map(|(name, test)| of_every_model(name, test)).collect()
}

/// Checks the status and returns the one line on standard error.
pub(crate) fn one_line(mut command: Command, status: i32) -> String {
    let output = command.env("RUST_BACKTRACE", "1").output().expect("the program");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn port_in_use(model: &'static str) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let line = one_line(serve_command(env!("CARGO_BIN_EXE_lab"), model, &["--addr", &address]), 1);
    assert!(line.starts_with(&format!("{model}-server: cannot listen on {address}")), "{line}");
    assert!(line.contains("Address already in use"), "{line}");
}

fn wrong_values(model: &'static str) {
    let wrong: [&[&str]; 9] = [
        &["--addr", "nowhere"],
        &["--addr", "127.0.0.1:66000"],
        &["--delay", "5"],
        &["--delay=-1s"],
        &["--idle-timeout", "0s"],
        &["--framing", "json"],
        &["--max-message", "0"],
        &["--max-message", "many"],
        &["--no-such-option"],
    ];
    for arguments in wrong {
        let option = arguments[0].split('=').next().expect("an option");
        let line = one_line(serve_command(env!("CARGO_BIN_EXE_lab"), model, arguments), 2);
        assert!(line.contains(option) && line.contains("--help"), "{arguments:?}: {line}");
    }
}

fn help(model: &'static str) {
    let mut command = serve_command(env!("CARGO_BIN_EXE_lab"), model, &["--help"]);
    let Output { status, stdout, .. } = command.output().expect("the program");
    assert!(status.success(), "{status}");
    let text = String::from_utf8(stdout).expect("text");
    let has = |option: &str| text.contains(option);
    assert!(["--addr", "--delay", "--framing", "--drain-timeout"].into_iter().all(has), "{text}");
    assert_eq!(has("--workers"), ["pool", "async"].contains(&model), "{text}");
    assert_eq!(has("--stack-size"), ["pool", "thread"].contains(&model), "{text}");
    assert_eq!(has("--max-connections"), model != "iterative", "{text}");
}
