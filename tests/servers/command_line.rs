//! What a user's mistake is answered with.

use std::net::TcpListener;
use std::process::{Command, Output};

use lab::server_process::serve_command;
use libtest_mimic::Trial;

use crate::support::LAB;
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
    let line = one_line(serve_command(LAB, model, &["--addr", &address]), 1);
    assert!(line.starts_with(&format!("{model}-server: cannot listen on {address}")), "{line}");
    assert!(line.contains("Address already in use"), "{line}");
}

/// What is wrong, and what the one line says about it.
const WRONG: &[(&[&str], &str)] = &[
    (&["--addr", "nowhere"], "--addr"),
    (&["--addr", "127.0.0.1:66000"], "--addr"),
    (&["--addr", ""], "--addr"),
    (&["--delay", "5"], "such as 1s or 50ms"),
    (&["--delay=-1s"], "--delay"),
    (&["--delay", "2years"], "longer than a year"),
    (&["--idle-timeout", "0s"], "at least 1ms"),
    (&["--idle-timeout", "soon"], "--idle-timeout"),
    (&["--drain-timeout", "1"], "--drain-timeout"),
    (&["--framing", "json"], "line, raw"),
    (&["--max-message", "0"], "1..=1073741824"),
    (&["--max-message", "many"], "--max-message"),
    (&["--max-message", "99999999999999999999"], "--max-message"),
    (&["--no-such-option"], "--no-such-option"),
    (&["surplus"], "surplus"),
    (&["--delay"], "--delay"),
    (&["--quiet", "--quiet"], "--quiet"),
];

/// The same for options that some models have.
const WRONG_FOR: &[(&[&str], &[&str], &str)] = &[
    (&["fork", "thread", "pool", "async"], &["--max-connections", "0"], "--max-connections"),
    (&["fork", "thread", "pool", "async"], &["--max-connections", "-1"], "-1"),
    (&["iterative"], &["--max-connections", "5"], "--max-connections"),
    (&["pool", "async"], &["--workers", "0"], "--workers"),
    (&["pool", "async"], &["--workers", "many"], "--workers"),
    (&["iterative", "fork", "thread"], &["--workers", "2"], "--workers"),
    (&["thread", "pool"], &["--stack-size", "1"], "--stack-size"),
    (&["thread", "pool"], &["--stack-size", "big"], "--stack-size"),
    (&["iterative", "fork", "async"], &["--stack-size", "65536"], "--stack-size"),
];

fn wrong_values(model: &'static str) {
    let of_this = WRONG_FOR.iter().filter(|(models, ..)| models.contains(&model));
    let of_this = of_this.map(|(_, arguments, says)| (*arguments, *says));
    for (arguments, says) in WRONG.iter().copied().chain(of_this) {
        let line = one_line(serve_command(LAB, model, arguments), 2);
        assert!(line.starts_with(&format!("{model}-server: ")), "{arguments:?}: {line}");
        assert!(line.contains(says) && line.contains("--help"), "{arguments:?}: {line}");
    }
}

fn help(model: &'static str) {
    let mut command = serve_command(LAB, model, &["--help"]);
    let Output { status, stdout, .. } = command.output().expect("the program");
    assert!(status.success(), "{status}");
    let text = String::from_utf8(stdout).expect("text");
    let has = |option: &str| text.contains(option);
    assert!(["--addr", "--delay", "--framing", "--drain-timeout"].into_iter().all(has), "{text}");
    assert_eq!(has("--workers"), ["pool", "async"].contains(&model), "{text}");
    assert_eq!(has("--stack-size"), ["pool", "thread"].contains(&model), "{text}");
    assert_eq!(has("--max-connections"), model != "iterative", "{text}");
}
