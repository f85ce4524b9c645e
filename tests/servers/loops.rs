//! Several loops in one server: who gets which connection, and what they do not share.

use std::thread;

use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::support::{Client, Server, Subject, wait_until};
use crate::{Tests, of_those};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<5> = [
        ("its workers get connections in turn", in_turn),
        ("a worker that computes does not hold up the other", compute_together),
        ("the end of an idle client does not wait for a worker that computes", ends_beside),
        ("with --reuse-port each worker accepts for itself", accept_each),
        ("with --reuse-port each worker has its share of the connections", share_the_limit),
    ];
    tests.into_iter().flat_map(|(name, test)| of_those(Subject::has_loops, name, test)).collect()
}

/// How a line of the log begins that is about this connection of this worker.
fn who(worker: usize, connection: usize) -> String {
    format!("worker {worker}, connection {connection} ")
}

fn in_turn(subject: Subject) {
    let server = subject.start(&[]);
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..4 {
        clients.push(server.connect());
        clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    }
    for connection in 1..=4 {
        let worker = 2 - connection % 2;
        assert!(server.log().contains(&who(worker, connection)), "{}", server.log());
    }
    drop(clients);
    let summary = server.process.stop().expect("a good end").output;
    assert!(summary.contains("connections   4, at most 4 at once"), "{summary}");
    assert!(summary.contains("messages      10"), "{summary}");
}

/// Two clients of two workers, whose messages are worked on together.
fn both_compute(server: &Server) -> [Client; 2] {
    let mut clients = [server.connect(), server.connect()];
    clients.iter_mut().for_each(|client| client.send("work\n"));
    wait_until("both have begun", || server.logged("\"work\"") == 2);
    clients
}

fn compute_together(subject: Subject) {
    let server = subject.start(&["--compute", "1s"]);
    let mut clients = both_compute(&server);
    // One loop would have received the second message after the first had been computed for.
    assert_eq!(server.logged("computed for"), 0, "{}", server.log());
    clients.iter_mut().for_each(|client| client.receive("work\n"));
}

fn ends_beside(subject: Subject) {
    let server = subject.start(&["--compute", "2s", "--drain-timeout", "1m"]);
    let (mut busy, mut idle) = (server.connect(), server.connect());
    busy.send("work\n");
    wait_until("it has begun", || server.logged("\"work\"") == 1);
    wait_until("the other is there", || server.log().contains(&who(2, 2)));
    server.process.signal(Signal::SIGTERM).expect("a running server");
    idle.receive_to_the_end("");
    assert_eq!(server.logged("computed for"), 0, "{}", server.log());
    busy.receive_to_the_end("work\n");
    let (stopped, _) = server.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
}

/// The kernel chooses a worker for each client by its port.
fn accept_each(subject: Subject) {
    let server = subject.start(&["--reuse-port"]);
    let mut clients: Vec<Client> = Vec::new();
    wait_until("both workers serve", || {
        clients.push(server.connect());
        clients.iter_mut().for_each(|client| client.exchange("hello\n"));
        both_have_served(&server)
    });
    server.process.signal(Signal::SIGTERM).expect("a running server");
    clients.iter_mut().for_each(|client| client.receive_to_the_end(""));
    let (stopped, _) = server.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
}

fn both_have_served(server: &Server) -> bool {
    ["worker 1, ", "worker 2, "].iter().all(|worker| server.log().contains(worker))
}

fn share_the_limit(subject: Subject) {
    let server = subject.start(&["--reuse-port", "--max-connections", "2"]);
    // It says that it listens when the first of them does.
    wait_until("both workers listen", || {
        server.connect().exchange("hello\n");
        both_have_served(&server)
    });
    thread::scope(|scope| {
        let ask = || {
            let mut client = server.connect();
            let is_answered = client.is_answered("hello\n");
            (client, is_answered)
        };
        let asking: Vec<_> = (0..24).map(|_| scope.spawn(ask)).collect();
        let clients: Vec<_> = asking.into_iter().map(|it| it.join().expect("a client")).collect();
        let answered = clients.iter().filter(|(_, is_answered)| *is_answered).count();
        assert_eq!(answered, 2, "{}", server.log());
    });
}
