//! What becomes of a worker that is a process, of its client, and of those who wait for it.

use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use server_core::{AtOnce, Unit};

use crate::support::inside::children_of;
use crate::support::{Client, Server, Subject, wait_until};
use crate::{Tests, of_those};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<7> = [
        ("a worker that is asked twice to end takes nothing along", asked_twice),
        ("a worker that was killed is replaced", killed_worker_is_replaced),
        ("a worker that dies at once is replaced after a pause", pauses_before_the_next),
        ("a worker that is asked to end serves its client first", worker_ends_gently),
        ("a worker that is asked to end while it is idle ends at once", idle_worker_ends),
        ("with --reuse-port a client waits for its worker, also beside a free one", waits_beside),
        ("with --reuse-port a dead worker's queue is served by the next", serves_the_queue),
    ];
    let are_workers =
        |it: &Subject| it.model.at_once == AtOnce::Workers && it.model.unit == Unit::Process;
    tests.into_iter().flat_map(|(name, test)| of_those(are_workers, name, test)).collect()
}

fn workers(server: &Server) -> Vec<Pid> {
    children_of(server.process.process())
}

fn send(signal: Signal, worker: Pid) {
    kill(worker, signal).expect("a worker");
}

fn killed_worker_is_replaced(subject: Subject) {
    let server = subject.start(&["--workers", "1"]);
    wait_until("it has a worker", || workers(&server).len() == 1);
    for round in 1..=3 {
        let mut client = server.connect();
        client.exchange("served\n");
        let dead = workers(&server);
        send(Signal::SIGKILL, dead[0]);
        client.receive_to_the_end("");
        wait_until("another is there", || workers(&server).len() == 1 && workers(&server) != dead);
        wait_until("the log says so", || {
            server.logged("was killed by SIGKILL while it served a client") == round
        });
    }
    let mut last = server.connect();
    last.send("served by the fourth\nBye\n");
    last.receive_to_the_end("served by the fourth\n");
    let idle = workers(&server);
    send(Signal::SIGKILL, idle[0]);
    wait_until("another is there", || workers(&server).len() == 1 && workers(&server) != idle);
    assert_eq!(server.logged("while it served a client"), 3, "{}", server.log());
    let stopped = server.process.stop().expect("a good end");
    let summary = stopped.output;
    assert!(summary.contains("connections   4, at most 1 at once"), "{summary}");
}

/// Each worker is killed as soon as it is seen. The first two seconds are enough for three of them,
/// and without a pause for hundreds.
fn pauses_before_the_next(subject: Subject) {
    let server = subject.start(&["--workers", "1", "--quiet"]);
    let begin = Instant::now();
    let mut killed = Vec::new();
    while begin.elapsed() < Duration::from_secs(2) {
        for worker in workers(&server) {
            if !killed.contains(&worker) {
                send(Signal::SIGKILL, worker);
                killed.push(worker);
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    let most = 2 + begin.elapsed().as_secs() as usize;
    assert!((1..=most).contains(&killed.len()), "{} workers died", killed.len());
    wait_until("another serves", || server.connect().is_answered("served\n"));
}

fn worker_ends_gently(subject: Subject) {
    let server = subject.start(&["--workers", "1", "--delay", "300ms"]);
    let mut client = server.connect();
    client.send("one\ntwo\n");
    wait_until("it works on the first", || server.log().contains("\"one\""));
    let old = workers(&server);
    send(Signal::SIGTERM, old[0]);
    client.receive_to_the_end("one\ntwo\n");
    server.connect().exchange("served by the next\n");
    assert_ne!(workers(&server), old);
    assert_eq!(server.logged("killed"), 0, "{}", server.log());
}

/// The second request comes too late to belong to the first.
fn asked_twice(subject: Subject) {
    let arguments = ["--workers", "2", "--compute", "700ms", "--drain-timeout", "60s"];
    let server = subject.start(&arguments);
    let mut client = server.connect();
    client.send("one\n");
    wait_until("a worker works", || server.log().contains("\"one\""));
    for _ in 0..2 {
        workers(&server).into_iter().for_each(|worker| send(Signal::SIGTERM, worker));
        thread::sleep(Duration::from_millis(400));
    }
    client.receive_to_the_end("one\n");
    server.connect().exchange("served by the next\n");
    stop_well(server);
}

fn stop_well(server: Server) {
    server.process.stop().expect("a good end");
}

/// It must not wait for one more client, whom it would not serve.
fn idle_worker_ends(subject: Subject) {
    let server = subject.start(&["--workers", "1"]);
    wait_until("it has a worker", || workers(&server).len() == 1);
    let old = workers(&server);
    send(Signal::SIGTERM, old[0]);
    wait_until("it has gone", || !workers(&server).contains(&old[0]));
    server.connect().exchange("served by the next\n");
}

/// The kernel chooses a queue for each client by its port, and nobody moves it to another one.
fn waits_beside(subject: Subject) {
    let server = subject.start(&["--workers", "2", "--reuse-port", "--quiet"]);
    let mut held = server.connect();
    held.exchange("held\n");
    let answered = ask_at_once(&server, 24, Client::is_answered);
    assert!((1..24).contains(&answered), "{answered} of 24 were answered beside the held one");
}

/// The worker dies over its first client: those behind it wait for the next worker.
fn serves_the_queue(subject: Subject) {
    let server = subject.start(&["--workers", "2", "--reuse-port", "--delay", "100ms"]);
    thread::scope(|scope| {
        let clients = scope.spawn(|| ask_at_once(&server, 16, Client::try_exchange));
        wait_until("both workers serve", || server.log().matches("\"hello\"").count() > 1);
        send(Signal::SIGKILL, workers(&server)[0]);
        assert_eq!(clients.join().expect("clients"), 15, "{}", server.log());
    });
}

/// How many of this many clients that come together are answered.
fn ask_at_once(server: &Server, count: usize, ask: fn(&mut Client, &str) -> bool) -> usize {
    thread::scope(|scope| {
        let ask = || scope.spawn(|| ask(&mut server.connect(), "hello\n"));
        let asking: Vec<_> = (0..count).map(|_| ask()).collect();
        asking.into_iter().filter_map(|it| it.join().ok()).filter(|answered| *answered).count()
    })
}
