//! What each server does when it is asked to stop.

use std::thread;
use std::time::Duration;

use lab::server_process::ServerProcess;
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::support::{Server, wait_until};
use crate::{Tests, of_every_model};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<8> = [
        ("SIGTERM answers what was sent, closes, and exits 0", answers_what_was_sent),
        ("SIGINT ends idle connections and exits 0", ends_idle_connections),
        ("SIGTERM without a client exits 0", ends_alone),
        (
            "a client that never reads is cut after the drain timeout",
            cuts_a_client_that_never_reads,
        ),
        ("a message that SIGTERM cuts off is no message", forgets_half_a_message),
        ("a client that never stops does not stop SIGTERM", endures_a_flood),
        ("a second signal ends it at once", second_signal),
        ("a server restarts on the same port at once", restarts_at_once),
    ];
    tests.into_iter().flat_map(|(name, test)| of_every_model(name, test)).collect()
}

/// Stops a server that has no reason to use up its drain timeout, and returns its summary.
fn stop(server: Server, signal: Signal) -> String {
    server.process.signal(signal).expect("a running server");
    let (stopped, log) = server.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(!log.contains("connections cut"), "{log}");
    stopped.output
}

fn answers_what_was_sent(model: &'static str) {
    let server = Server::start(model, &["--delay", "200ms", "--drain-timeout", "30s"]);
    let mut client = server.connect();
    client.send("one\ntwo\nthree\n");
    client.receive("one\n");
    let summary = stop(server, Signal::SIGTERM);
    client.receive_to_the_end("two\nthree\n");
    for line in ["connections   1, at most 1 at once", "messages      3", "CPU  ", "peak memory  "]
    {
        assert!(summary.contains(line), "no {line:?} in\n{summary}");
    }
}

fn ends_idle_connections(model: &'static str) {
    let server = Server::start(model, &["--drain-timeout", "60s"]);
    let mut client = server.connect();
    client.exchange("hello\n");
    stop(server, Signal::SIGINT);
    client.receive_to_the_end("");
}

fn ends_alone(model: &'static str) {
    stop(Server::start(model, &[]), Signal::SIGTERM);
}

fn cuts_a_client_that_never_reads(model: &'static str) {
    let arguments = ["--drain-timeout", "300ms", "--max-message", "67108864"];
    let server = Server::start(model, &arguments);
    let mut client = server.connect();
    // Its echo fits into no socket's buffers.
    client.send("x".repeat(32 << 20) + "\n");
    wait_until("the message is received", || server.log().contains("(33554432 bytes)"));
    server.process.signal(Signal::SIGTERM).expect("a running server");
    wait_until("the log says it", || {
        server.log().contains("connections cut, still open after 300ms: 1")
    });
    let stopped = server.process.wait().expect("its end");
    assert!(stopped.status.success(), "{}", stopped.status);
    drop(client);
}

fn forgets_half_a_message(model: &'static str) {
    let server = Server::start(model, &["--delay", "200ms", "--drain-timeout", "60s"]);
    let mut client = server.connect();
    client.send("one\ntwo\nthis is half a mess");
    client.receive("one\n");
    stop(server, Signal::SIGTERM);
    client.receive_to_the_end("two\n");
}

/// One client that always has more to say, and another; then the end.
fn endures_a_flood(model: &'static str) {
    let server = Server::start(model, &["--quiet", "--drain-timeout", "1s"]);
    let mut flooding = server.connect();
    flooding.exchange("the first of many\n");
    let flood = thread::spawn(move || flooding.flood());
    if model != "iterative" {
        server.connect().exchange("served beside it\n");
    }
    server.process.signal(Signal::SIGTERM).expect("a running server");
    let (stopped, _) = server.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
    flood.join().expect("the flood to end with the server");
}

fn second_signal(model: &'static str) {
    let server = Server::start(model, &["--delay", "10m", "--drain-timeout", "10m"]);
    let mut client = server.connect();
    client.send("hello\n");
    wait_until("the message is received", || server.log().contains("\"hello\""));
    end_by_signals(&server.process);
    let stopped = server.process.wait().expect("its end");
    assert_eq!(stopped.status.code(), Some(128 + 15), "{}", stopped.status);
    let _ = client.wait_for_any_end();
}

/// Sends SIGTERM again and again: the second one counts that comes after the first was noticed.
fn end_by_signals(process: &ServerProcess) {
    let stat = format!("/proc/{}/stat", process.process());
    wait_until("the server ends", || {
        let _ = process.signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(20));
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|state| state.starts_with('Z'))
    });
}

fn restarts_at_once(model: &'static str) {
    let first = Server::start(model, &[]);
    let address = first.address().to_string();
    let mut client = first.connect();
    client.exchange("hello\n");
    // The server closes first, so its side of the connection stays in TIME_WAIT.
    stop(first, Signal::SIGTERM);
    client.receive_to_the_end("");
    let second = Server::start(model, &["--addr", &address]);
    second.connect().exchange("hello again\n");
}
