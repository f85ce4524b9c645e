//! What a user's mistake is answered with.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use server_core::Model;

use crate::support::{PATIENCE, Subject};
use crate::{Tests, of_all};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<3> = [
        ("a port in use is one clear line and status 1", port_in_use),
        ("a wrong value is one clear line and status 2", wrong_values),
        ("--help lists the options and exits 0", help),
    ];
    tests.into_iter().flat_map(|(name, test)| of_all(name, test)).collect()
}

/// Checks the status and returns the one line on standard error.
pub(crate) fn one_line(mut command: Command, status: i32) -> String {
    let output = run_to_the_end(command.env("RUST_BACKTRACE", "1"));
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Runs a program that is to end by itself. One that does not, such as a server that serves in spite of a
/// mistake, is killed.
fn run_to_the_end(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let process = Pid::from_raw(child.id().cast_signed());
    let (ended, has_ended) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if has_ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = kill(process, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output().expect("its output");
    drop(ended);
    watch.join().expect("the watch");
    output
}

fn port_in_use(subject: Subject) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let line = one_line(subject.command(&["--addr", &address]), 1);
    assert!(
        line.starts_with(&format!("{}: cannot listen on {address}", subject.model.program())),
        "{line}"
    );
    assert!(line.contains("Address already in use"), "{line}");
    #[cfg(target_os = "linux")]
    assert!(line.contains(&format!(", process {} listens there", std::process::id())), "{line}");
}

/// What is wrong, and what the one line says about it.
const WRONG: &[(&[&str], &str)] = &[
    (&["--addr", "nowhere"], "--addr"),
    (&["--addr", "127.0.0.1:66000"], "--addr"),
    (&["--addr", ""], "--addr"),
    (&["--addr", "localhost"], "such as localhost:5555"),
    (&["localhost:5555"], "did you mean `--addr localhost:5555`"),
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

/// The same for an option that some models have. Where a model has none, any value is wrong.
const WRONG_WHERE: &[(Has, &str, &[&str])] = &[
    (|model| model.properties.max_connections.is_some(), "--max-connections", &["0", "many"]),
    (|model| model.properties.workers.is_some(), "--workers", &["0", "many"]),
    (|model| model.properties.stack_size.is_some(), "--stack-size", &["1", "big"]),
];

type Has = fn(&Model) -> bool;

fn wrong_values(subject: Subject) {
    let mut wrong = WRONG.to_vec();
    let own: Vec<(Vec<&str>, &str)> = WRONG_WHERE
        .iter()
        .flat_map(|(has, option, values)| {
            let values = if has(&subject.model) { *values } else { &["65536"] };
            values.iter().map(|value| (vec![*option, *value], *option))
        })
        .collect();
    wrong.extend(own.iter().map(|(arguments, says)| (arguments.as_slice(), *says)));
    for (arguments, says) in wrong {
        let line = one_line(subject.command(arguments), 2);
        assert!(line.starts_with(&format!("{}: ", subject.model.program())), "{line}");
        assert!(line.contains(says) && line.contains("--help"), "{arguments:?}: {line}");
    }
}

fn help(subject: Subject) {
    let mut command = subject.command(&["--help"]);
    let Output { status, stdout, .. } = command.output().expect("the program");
    assert!(status.success(), "{status}");
    let text = String::from_utf8(stdout).expect("text");
    let has = |option: &str| text.contains(option);
    assert!(["--addr", "--delay", "--framing", "--drain-timeout"].into_iter().all(has), "{text}");
    for (its, option, _) in WRONG_WHERE {
        assert_eq!(has(option), its(&subject.model), "{option}: {text}");
    }
}
