//! What each model claims for itself.

use libtest_mimic::Trial;

use crate::of;
use crate::support::{Server, wait_until};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        of("iterative", "a held client stalls the next until it leaves", held_client_stalls),
        of("pool", "with 2 workers a third client waits until one leaves", pool_is_full),
        of("pool", "its workers survive panics", workers_survive),
        of("fork", "after 500 connections no child and no zombie is left", no_zombies),
        of("fork", "the parent has one thread", one_thread),
        of("fork", "an abort costs its own client only", abort_is_isolated),
        of("thread", "each connection has a thread while it lasts", a_thread_each),
        of("async", "1,000 idle clients need one thread", one_thread_for_all),
    ];
    for model in ["fork", "thread", "pool", "async"] {
        trials.push(of(model, "a held client does not stall the next", held_client_harms_nobody));
        trials.push(of(model, "a panic costs its own client only", panic_is_isolated));
        trials.push(of(model, "with --max-connections 2 a third client waits", room_for_two));
    }
    trials
}

fn held_client_stalls(model: &'static str) {
    let server = Server::start(model, &[]);
    let (mut held, mut next) = (server.connect(), server.connect());
    held.exchange("served\n");
    next.send("waits\n");
    next.wait_in_vain();
    drop(held);
    next.receive("waits\n");
}

fn held_client_harms_nobody(model: &'static str) {
    let server = Server::start(model, &[]);
    let mut held = server.connect();
    held.exchange("served\n");
    server.connect().exchange("served too\n");
    held.exchange("still served\n");
}

fn pool_is_full(model: &'static str) {
    let server = Server::start(model, &["--workers", "2"]);
    third_client_waits(&server);
}

fn room_for_two(model: &'static str) {
    let server = Server::start(model, &["--max-connections", "2"]);
    third_client_waits(&server);
}

fn third_client_waits(server: &Server) {
    let (mut first, mut second) = (server.connect(), server.connect());
    first.exchange("first\n");
    second.exchange("second\n");
    let mut third = server.connect();
    third.send("third\n");
    third.wait_in_vain();
    second.exchange("second again\n");
    drop(first);
    third.receive("third\n");
}

fn panic_is_isolated(model: &'static str) {
    let server = Server::start(model, &["--allow-crash"]);
    let mut other = server.connect();
    other.exchange("served\n");
    let mut crashing = server.connect();
    crashing.send("before\nPanic\nafter\n");
    crashing.receive("before\n");
    let _ = crashing.wait_for_any_end();
    other.exchange("still served\n");
    server.connect().exchange("served too\n");
    wait_until("the log says it", || server.log().contains("closed: the handler panicked"));
    assert!(!server.log().contains("RUST_BACKTRACE"), "a backtrace:\n{}", server.log());
}

fn workers_survive(model: &'static str) {
    let server = Server::start(model, &["--allow-crash", "--workers", "2"]);
    for _ in 0..5 {
        let mut crashing = server.connect();
        crashing.send("Panic\n");
        let _ = crashing.wait_for_any_end();
    }
    third_client_waits(&server);
}

fn abort_is_isolated(model: &'static str) {
    let server = Server::start(model, &["--allow-crash"]);
    let mut other = server.connect();
    other.exchange("served\n");
    let mut crashing = server.connect();
    crashing.send("Abort\n");
    let _ = crashing.wait_for_any_end();
    other.exchange("still served\n");
    wait_until("the log says it", || server.log().contains("its process was killed by SIGABRT"));
}

fn no_zombies(model: &'static str) {
    let server = Server::start(model, &["--quiet"]);
    for _ in 0..500 {
        let mut client = server.connect();
        client.send("hello\nBye\n");
        client.receive_to_the_end("hello\n");
    }
    wait_until("every child is reaped", || server.children() == 0);
}

fn one_thread(model: &'static str) {
    let server = Server::start(model, &[]);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    assert_eq!((server.threads(), server.children()), (1, 5));
}

fn a_thread_each(model: &'static str) {
    let server = Server::start(model, &[]);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    assert_eq!(server.threads(), 1 + 5);
    drop(clients);
    wait_until("every thread has ended", || server.threads() == 1);
}

fn one_thread_for_all(model: &'static str) {
    let server = Server::start(model, &["--quiet"]);
    let mut clients: Vec<_> = (0..1000).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    assert_eq!(server.threads(), 1);
}
