//! What each server does when it is asked to stop.

use std::io;
use std::net::Shutdown;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::alarm;
use server_core::{AtOnce, Unit};
use server_process::ServerProcess;

use crate::support::inside::is_gone;
use crate::support::{Client, Server, Subject, wait_until};
use crate::{Tests, of_all, of_those};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<14> = [
        ("a pair of signals is one request, which answers what is under way", takes_a_pair_for_one),
        ("SIGHUP is a request, unless its parent has had it ignored", hangs_up),
        ("what its parent has blocked or timed does not hold for it", inherits_nothing_odd),
        ("a last line without its end is answered before SIGTERM's end", answers_a_last_line),
        ("Ctrl-C to its whole process group answers what was sent", answers_at_ctrl_c),
        ("a broken listener ends it with status 1, after a drain", drains_when_broken),
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
    let queued = "clients in the queue are answered at SIGTERM";
    let has_workers = |it: &Subject| it.model.at_once == AtOnce::Workers;
    let queues = |it: &Subject| has_workers(it) && it.model.unit == Unit::Thread;
    let serves_many = |it: &Subject| !it.serves_one();
    let closed = "during a drain nobody is let in, and another server may have its port";
    let all = tests.into_iter().flat_map(|(name, test)| of_all(name, test));
    all.chain(of_those(queues, queued, answers_the_queue))
        .chain(of_those(serves_many, closed, lets_nobody_in))
        .collect()
}

/// Stops a server that has no reason to use up its drain timeout, and returns its summary.
fn stop(server: Server, signal: Signal) -> String {
    server.process.signal(signal).expect("a running server");
    let (stopped, log) = server.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(!log.contains("connections cut"), "{log}");
    stopped.output
}

fn answers_what_was_sent(subject: Subject) {
    let server = subject.start(&["--delay", "200ms", "--drain-timeout", "30s"]);
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

/// The client has ended its side: what it sent last is whole, whatever ends the server.
fn answers_a_last_line(subject: Subject) {
    let server = subject.start(&["--delay", "300ms", "--drain-timeout", "30s"]);
    let mut client = server.connect();
    client.send("first\nlast");
    client.half_close();
    wait_until("it works on the first", || server.log().contains("\"first\""));
    stop(server, Signal::SIGTERM);
    client.receive_to_the_end("first\nlast");
}

/// The terminal sends SIGINT to every process of the group, a server's children included.
fn answers_at_ctrl_c(subject: Subject) {
    answers_at(subject, |process| process.signal_group(Signal::SIGINT).expect("a running server"));
}

/// As `timeout(1)` sends them: to the process, and to its group.
fn takes_a_pair_for_one(subject: Subject) {
    answers_at(subject, |process| {
        process.signal(Signal::SIGTERM).expect("a running server");
        process.signal_group(Signal::SIGTERM).expect("a running server");
    });
}

/// Sees that it answers what is under way, whether it waits or computes.
fn answers_at(subject: Subject, signal: fn(&ServerProcess)) {
    for work in ["--delay", "--compute"] {
        let server = subject.start(&[work, "300ms", "--drain-timeout", "30s"]);
        let mut client = server.connect();
        client.send("one\ntwo\n");
        wait_until("it works on the first", || server.log().contains("\"one\""));
        signal(&server.process);
        client.receive_to_the_end("one\ntwo\n");
        let (stopped, log) = server.wait();
        assert!(stopped.status.success(), "{work}: {}", stopped.status);
        assert!(!log.contains("connections cut") && !log.contains("killed"), "{work}: {log}");
    }
}

/// `nohup(1)` ignores it.
fn hangs_up(subject: Subject) {
    let mut command = subject.command(&["--drain-timeout", "60s"]);
    // These tests may run where it is ignored.
    before_exec(&mut command, || take_hangups(SigHandler::SigDfl));
    let server = Server::start_by(command);
    let mut client = server.connect();
    client.exchange("hello\n");
    stop(server, Signal::SIGHUP);
    client.receive_to_the_end("");
    let mut command = subject.command(&["--drain-timeout", "60s"]);
    before_exec(&mut command, || take_hangups(SigHandler::SigIgn));
    let server = Server::start_by(command);
    let mut client = server.connect();
    client.exchange("hello\n");
    server.process.signal(Signal::SIGHUP).expect("a running server");
    client.exchange("still there\n");
    server.connect();
    drop(client);
    stop(server, Signal::SIGTERM);
}

#[allow(unsafe_code)]
fn take_hangups(handler: SigHandler) -> io::Result<()> {
    // SAFETY: neither the default nor ignoring runs code of ours.
    unsafe { signal(Signal::SIGHUP, handler)? };
    Ok(())
}

/// Signals that its parent has blocked, and an alarm that would end it.
fn inherits_nothing_odd(subject: Subject) {
    let mut command = subject.command(&["--drain-timeout", "60s"]);
    before_exec(&mut command, || {
        alarm::set(1);
        let blocked = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGALRM];
        Ok(blocked.into_iter().collect::<SigSet>().thread_block()?)
    });
    let server = Server::start_by(command);
    let mut client = server.connect();
    client.send("hello\nBye\n");
    client.receive_to_the_end("hello\n");
    let has_child = subject.model.unit == Unit::Process && subject.model.makes_a_unit_for_each();
    wait_until("its child is gone", || !has_child || server.children() == 0);
    thread::sleep(Duration::from_millis(1500));
    server.connect().exchange("the alarm has not ended it\n");
    stop(server, Signal::SIGTERM);
}

/// Has this done in the process of a command, before its program begins.
#[allow(unsafe_code)]
fn before_exec(command: &mut Command, prepare: fn() -> io::Result<()>) {
    // SAFETY: what these tests prepare are system calls that are async-signal-safe.
    unsafe { command.pre_exec(prepare) };
}

/// A shutdown of the listening socket, which nobody but an error of ours could cause: `accept`
/// fails for good. Who is there is still answered.
fn drains_when_broken(subject: Subject) {
    let server = subject.start(&["--delay", "200ms", "--drain-timeout", "30s"]);
    let mut client = server.connect();
    client.send("one\ntwo\n");
    wait_until("it works on the first", || server.log().contains("\"one\""));
    if subject.serves_one() {
        // It looks at its listener when the client has gone.
        client.half_close();
    }
    server.listener().shutdown(Shutdown::Both).expect("a listener");
    client.receive_to_the_end("one\ntwo\n");
    let (stopped, log) = server.wait();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.status);
    assert!(log.contains(": Invalid argument") && !log.contains("connections cut"), "{log}");
}

fn answers_the_queue(subject: Subject) {
    let arguments = ["--delay", "300ms", "--drain-timeout", "30s"];
    let server = subject.start_with_workers(1, &arguments);
    let mut first = server.connect();
    first.send("first\n");
    wait_until("it works on the first", || server.log().contains("\"first\""));
    let before = server.descriptors();
    let mut second = server.connect();
    second.send("second\n");
    wait_until("the second is in the queue", || server.descriptors() > before);
    stop(server, Signal::SIGTERM);
    first.receive_to_the_end("first\n");
    second.receive_to_the_end("second\n");
}

fn lets_nobody_in(subject: Subject) {
    let server = subject.start(&["--delay", "10m", "--drain-timeout", "10m"]);
    let address = server.address();
    let mut client = server.connect();
    client.send("hello\n");
    wait_until("the message is received", || server.log().contains("\"hello\""));
    server.process.signal(Signal::SIGTERM).expect("a running server");
    wait_until("nobody is let in", || Client::try_connect(address).is_err());
    let second = subject.start(&["--addr", &address.to_string()]);
    second.connect().exchange("hello again\n");
    assert!(!server.is_gone(), "{}", server.log());
}

fn ends_idle_connections(subject: Subject) {
    let server = subject.start(&["--drain-timeout", "60s"]);
    let mut client = server.connect();
    client.exchange("hello\n");
    stop(server, Signal::SIGINT);
    client.receive_to_the_end("");
}

fn ends_alone(subject: Subject) {
    stop(subject.start(&[]), Signal::SIGTERM);
}

fn cuts_a_client_that_never_reads(subject: Subject) {
    let arguments = ["--drain-timeout", "300ms", "--max-message", "67108864"];
    let server = subject.start(&arguments);
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

/// Whether the server is at work then, or waits for the rest.
fn forgets_half_a_message(subject: Subject) {
    for delay in ["200ms", "0s"] {
        let server = subject.start(&["--delay", delay, "--drain-timeout", "60s"]);
        let mut client = server.connect();
        client.send("one\ntwo\nthis is half a mess");
        client.receive("one\n");
        stop(server, Signal::SIGTERM);
        client.receive_to_the_end("two\n");
    }
}

/// One client that always has more to say, and another; then the end.
fn endures_a_flood(subject: Subject) {
    let server = subject.start(&["--quiet", "--drain-timeout", "1s"]);
    let mut flooding = server.connect();
    flooding.exchange("the first of many\n");
    let flood = thread::spawn(move || flooding.flood());
    if !subject.serves_one() {
        server.connect().exchange("served beside it\n");
    }
    server.process.signal(Signal::SIGTERM).expect("a running server");
    let (stopped, _) = server.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
    flood.join().expect("the flood to end with the server");
}

fn second_signal(subject: Subject) {
    let server = subject.start(&["--delay", "10m", "--drain-timeout", "10m"]);
    let mut client = server.connect();
    client.send("hello\n");
    wait_until("the message is received", || server.log().contains("\"hello\""));
    end_by_signals(&server.process);
    let stopped = server.process.wait().expect("its end");
    assert_eq!(stopped.status.code(), Some(128 + 15), "{}", stopped.status);
    let _ = client.wait_for_any_end();
}

/// Sends SIGTERM again and again: the second one counts that comes after the first was noticed.
pub(crate) fn end_by_signals(process: &ServerProcess) {
    wait_until("the server ends", || {
        let _ = process.signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(20));
        is_gone(process.process())
    });
}

fn restarts_at_once(subject: Subject) {
    let first = subject.start(&[]);
    let address = first.address().to_string();
    let mut client = first.connect();
    client.exchange("hello\n");
    // The server closes first, so its side of the connection stays in TIME_WAIT.
    stop(first, Signal::SIGTERM);
    client.receive_to_the_end("");
    let second = subject.start(&["--addr", &address]);
    second.connect().exchange("hello again\n");
}
