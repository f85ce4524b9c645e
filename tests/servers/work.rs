//! Work before an answer: waiting, which many can do at once, and computing, which takes a CPU.

use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use server_core::AtOnce;

use crate::shutdown::end_by_signals;
use crate::support::{A_WHILE, Client, PATIENCE, Server, Subject, wait_until};
use crate::{Tests, of_all, of_those};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<3> = [
        ("each answer takes the CPU time that --compute says", computes),
        ("SIGTERM does not wait for computing that never ends", stops_while_it_computes),
        ("a second signal ends it at once, also while it computes", second_signal),
    ];
    let serves_all = |it: &Subject| it.model.at_once == AtOnce::All;
    let offloads = |it: &Subject| it.model.properties.offload && it.has_one_thread();
    let in_between = "a client that asks for much work at once lets others in between";
    let one_by_one = |it: &Subject| serves_all(it) && it.has_one_thread();
    let leaves = "an answer does not wait until the next one is computed";
    let aside = "computing holds up all tasks, and with --offload none";
    let all = tests.into_iter().flat_map(|(name, test)| of_all(name, test));
    all.chain(of_those(serves_all, in_between, lets_others_in_between))
        .chain(of_those(one_by_one, leaves, answers_in_between))
        .chain(of_those(offloads, aside, offloads_its_computing))
        .collect()
}

/// Sends SIGTERM, and returns the summary.
fn stop(server: Server) -> String {
    server.process.signal(Signal::SIGTERM).expect("a running server");
    let (stopped, log) = server.wait();
    assert!(stopped.status.success(), "{}: {log}", stopped.status);
    stopped.output
}

fn computes(subject: Subject) {
    let server = subject.start(&["--compute", "60ms", "--delay", "5ms"]);
    let mut client = server.connect();
    client.send("one\ntwo\nthree\n");
    client.receive("one\ntwo\nthree\n");
    client.send("Bye\n");
    client.receive_to_the_end("");
    assert_eq!(server.logged("computed for 60ms within "), 3, "{}", server.log());
    let summary = stop(server);
    assert!(cpu_seconds(&summary) >= 0.18, "{summary}");
}

/// The user and system time of a server and its children, as its summary tells it.
fn cpu_seconds(summary: &str) -> f64 {
    let lines = summary.lines().filter(|line| line.ends_with(" s system"));
    let words = lines.flat_map(str::split_whitespace);
    words.filter_map(|word| word.parse::<f64>().ok()).sum()
}

/// There are more clients than workers, and each message would take an hour.
fn stops_while_it_computes(subject: Subject) {
    let server = subject.start(&["--compute", "1h", "--drain-timeout", "300ms"]);
    let mut clients: Vec<_> = (0..12).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send("for ever\nand ever\n"));
    wait_until("one is served", || server.logged("for ever") > 0);
    stop(server);
}

fn second_signal(subject: Subject) {
    let server = subject.start(&["--compute", "1h", "--drain-timeout", "1h"]);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send("for ever\n"));
    wait_until("one is served", || server.logged("for ever") > 0);
    end_by_signals(&server.process);
    let (stopped, _) = server.wait();
    assert_eq!(stopped.status.code(), Some(128 + Signal::SIGTERM as i32), "{}", stopped.status);
}

/// A hundred messages of 20 ms each take one CPU two seconds. A client that comes behind them is answered
/// long before the last of them. Its message is there when the server looks again, so that the server's log
/// alone says how many came between.
fn lets_others_in_between(subject: Subject) {
    let server = subject.start(&["--compute", "20ms"]);
    let mut greedy = server.connect();
    greedy.send("one of many\n".repeat(100));
    greedy.receive("one of many\n");
    server.pause();
    let mut modest = server.connect();
    modest.send("one alone\n");
    let before = server.logged("one of many");
    server.go_on();
    modest.receive("one alone\n");
    let log = server.log();
    let until = log.lines().take_while(|line| !line.contains("one alone"));
    let between = until.filter(|line| line.contains("one of many")).count() - before;
    assert!(between < 15, "{between} messages of the other client came first");
}

/// Both messages are there when the server looks.
fn answers_in_between(subject: Subject) {
    let server = subject.start(&["--compute", "1s"]);
    let mut clients = [server.connect(), server.connect()];
    wait_until("both are served", || server.logged("connected") == 2);
    server.pause();
    clients.iter_mut().for_each(|client| client.send("hello\n"));
    server.go_on();
    wait_until("one of them is answered", || clients.iter().any(Client::has_answer));
    assert_eq!(server.logged("computed for"), 1, "{}", server.log());
    clients.iter_mut().for_each(|client| client.receive("hello\n"));
}

fn offloads_its_computing(subject: Subject) {
    for (option, ends) in [(&[][..], false), (&["--offload"], true)] {
        let server = subject.start(&[option, &["--compute", "1h"]].concat());
        let mut busy = server.connect();
        busy.send("for ever\n");
        wait_until("it computes", || server.logged("for ever") == 1);
        let mut other = server.connect();
        other.half_close();
        other.wait_at_most(if ends { PATIENCE } else { A_WHILE });
        assert_eq!(other.wait_for_any_end().is_ok(), ends, "{option:?}");
    }
}
