//! Counters that forget, and the one that the compiler refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;

#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use support::{Server, wait_until};

fn line(stream: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn what_a_child_counts_its_parent_never_sees() {
    let server = Server::start("forked-counter");
    for _ in 0..3 {
        assert_eq!(line(&server.connect()), "you are client 1");
    }
}

/// Many times, since it happens only where one thread counts between another's two steps.
#[test]
fn threads_that_count_in_two_steps_lose_some() {
    const LINES: usize = 100_000;
    let server = Server::start("lost-update");
    let mut sent = 0;
    wait_until("a line is lost", || {
        let clients: Vec<TcpStream> = (0..4).map(|_| server.connect()).collect();
        thread::scope(|scope| {
            for mut client in &clients {
                scope.spawn(move || {
                    let lines = "\n".repeat(LINES) + "how many?\n";
                    client.write_all(lines.as_bytes()).unwrap();
                    line(client)
                });
            }
        });
        sent += clients.len() * LINES;
        let mut last = server.connect();
        last.write_all(b"how many?\n").unwrap();
        line(&last).parse::<usize>().unwrap() < sent
    });
}

/// The documentation's test sees that it does not compile, and this one why.
#[test]
fn threads_that_count_in_a_plain_number_do_not_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--edition", "2024", "--emit", "metadata", "-o", "-"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/plain_counter.rs"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("error[E0499]"), "{said}");
}
