//! What each model claims for itself.

use libtest_mimic::Trial;

use server_core::{AtOnce, Unit};
use server_process::family::proportional_set_size;

use crate::of_those;
use crate::support::{Server, Subject, wait_until};

pub(crate) fn trials() -> Vec<Trial> {
    let serves_many = |it: &Subject| !it.serves_one();
    let has_workers = |it: &Subject| it.model.at_once == AtOnce::Workers;
    let makes =
        |unit| move |it: &Subject| it.model.unit == unit && it.model.makes_a_unit_for_each();
    let (forks, starts_threads) = (makes(Unit::Process), makes(Unit::Thread));
    let are_processes = |it: &Subject| it.model.unit == Unit::Process;
    let has_limit =
        |it: &Subject| !it.serves_one() && it.model.properties.max_connections.is_some();
    let keeps_to_one = |it: &Subject| it.has_one_thread() && !it.serves_one();
    let all: [Claim<'_>; 13] = [
        (&has_limit, "a limit of ten million connections costs no memory", limit_is_a_number),
        (&Subject::serves_one, "a held client stalls the next until it leaves", held_client_stalls),
        (&Subject::serves_one, "it has one thread, also while it serves", one_thread_alone),
        (&has_workers, "with 2 workers a third client waits until one leaves", workers_are_taken),
        (&has_workers, "its workers survive panics", workers_survive),
        (&forks, "after 500 connections no child and no zombie is left", no_zombies),
        (&forks, "the parent has one thread", one_thread),
        (&are_processes, "an abort costs its own client only", abort_is_isolated),
        (&starts_threads, "each connection has a thread while it lasts", a_thread_each),
        (&keeps_to_one, "1,000 idle clients need one thread", one_thread_for_all),
        (&serves_many, "a held client does not stall the next", held_client_harms_nobody),
        (&serves_many, "a panic costs its own client only", panic_is_isolated),
        (&has_limit, "with --max-connections 2 a third client waits", room_for_two),
    ];
    all.into_iter().flat_map(|(has, name, test)| of_those(has, name, test)).collect()
}

/// Whom a claim is true of, what it is, and what shows it.
type Claim<'a> = (&'a dyn Fn(&Subject) -> bool, &'static str, fn(Subject));

fn held_client_stalls(subject: Subject) {
    let server = subject.start(&[]);
    let (mut held, mut next) = (server.connect(), server.connect());
    held.exchange("served\n");
    next.send("waits\n");
    next.wait_in_vain();
    drop(held);
    next.receive("waits\n");
}

fn held_client_harms_nobody(subject: Subject) {
    let server = subject.start(&[]);
    let mut held = server.connect();
    held.exchange("served\n");
    server.connect().exchange("served too\n");
    held.exchange("still served\n");
}

fn workers_are_taken(subject: Subject) {
    let server = subject.start(&["--workers", "2"]);
    third_client_waits(&server);
}

fn room_for_two(subject: Subject) {
    let server = subject.start(&["--max-connections", "2"]);
    third_client_waits(&server);
}

fn limit_is_a_number(subject: Subject) {
    let server = subject.start(&["--max-connections", "10000000"]);
    server.connect().exchange("hello\n");
    // Only Linux tells.
    let size = proportional_set_size(server.process.process()).unwrap_or_default();
    assert!(size < f64::from(1 << 26), "{size} bytes");
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

fn panic_is_isolated(subject: Subject) {
    let server = subject.start(&["--allow-crash"]);
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

fn workers_survive(subject: Subject) {
    let server = subject.start(&["--allow-crash", "--workers", "2"]);
    for _ in 0..5 {
        let mut crashing = server.connect();
        crashing.send("Panic\n");
        let _ = crashing.wait_for_any_end();
    }
    third_client_waits(&server);
}

fn abort_is_isolated(subject: Subject) {
    let server = subject.start(&["--allow-crash"]);
    let mut other = server.connect();
    other.exchange("served\n");
    let mut crashing = server.connect();
    crashing.send("Abort\n");
    let _ = crashing.wait_for_any_end();
    other.exchange("still served\n");
    wait_until("the log says it", || server.log().contains("was killed by SIGABRT"));
}

fn no_zombies(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    for _ in 0..500 {
        let mut client = server.connect();
        client.send("hello\nBye\n");
        client.receive_to_the_end("hello\n");
    }
    wait_until("every child is reaped", || server.children() == 0);
}

fn one_thread(subject: Subject) {
    let server = subject.start(&[]);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    assert_eq!((server.threads(), server.children()), (1, 5));
}

fn one_thread_alone(subject: Subject) {
    let server = subject.start(&[]);
    server.connect().exchange("hello\n");
    assert_eq!((server.threads(), server.children()), (1, 0));
}

fn a_thread_each(subject: Subject) {
    let server = subject.start(&[]);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    assert_eq!(server.threads(), 1 + 5);
    drop(clients);
    wait_until("every thread has ended", || server.threads() == 1);
}

fn one_thread_for_all(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let mut clients: Vec<_> = (0..1000).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("hello\n"));
    assert_eq!(server.threads(), 1);
}
