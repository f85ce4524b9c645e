//! What clients, networks and logs do to a server, and what it must not do to anybody else.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lab::server_process::{ServerProcess, serve_command};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::support::{Client, LAB, Server, wait_until};
use crate::{Tests, of, of_every_model};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<8> = [
        ("a client that resets before it is accepted harms nobody", reset_before_accept),
        ("a client that resets during a message is logged once", reset_during_a_message),
        ("a client that resets with answers unread is logged once", reset_with_answers_unread),
        ("a client that never reads ends by the idle timeout", never_reads),
        ("half a message and then silence ends by the idle timeout", half_a_message),
        ("a byte now and then keeps a connection from being idle", slow_loris),
        ("a full disk under its log does not stop it", full_log),
        ("SIGTERM under load: every answer that was counted arrives", shutdown_under_load),
    ];
    let mut trials: Vec<_> =
        tests.into_iter().flat_map(|(name, test)| of_every_model(name, test)).collect();
    trials.extend([
        of("pool", "silent clients hold all workers until the idle timeout", workers_held),
        of("fork", "a server that is killed takes its children along", children_go_along),
    ]);
    trials
}

/// How many messages of each healthy client are answered, at least, before a fault and after it.
const EXCHANGES: usize = 10;

/// Runs `fault` beside clients that talk to the server all the while, where it can serve them
/// beside others. Each of their messages must be answered, before, during and after the fault.
pub(crate) fn nothing_lost_beside(server: &Server, model: &str, fault: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    let clients = if model == "iterative" { 0 } else { 2 };
    let answered: Vec<_> = (0..clients).map(|_| AtomicUsize::new(0)).collect();
    let wait_for_more = |what: &str| {
        let before: Vec<usize> = answered.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        let more =
            |(it, before): (&AtomicUsize, &usize)| it.load(Ordering::Relaxed) >= before + EXCHANGES;
        wait_until(what, || answered.iter().zip(&before).all(more));
    };
    thread::scope(|scope| {
        let healthy: Vec<_> =
            answered.iter().map(|answered| scope.spawn(|| talk(server, &stop, answered))).collect();
        let stops = StopsAtTheEnd(&stop);
        wait_for_more("the healthy clients are answered before the fault");
        fault();
        wait_for_more("the healthy clients are answered after the fault");
        drop(stops);
        healthy.into_iter().for_each(|client| client.join().expect("a healthy client"));
    });
    let mut later = server.connect();
    later.exchange("served after it\n");
    later.send("Bye\n");
    later.receive_to_the_end("");
}

/// Lets the talking end also where the fault's own test fails.
struct StopsAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopsAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends message after message until it is stopped. Each must come back byte for byte.
fn talk(server: &Server, stop: &AtomicBool, answered: &AtomicUsize) {
    let mut client = server.connect();
    while !stop.load(Ordering::Relaxed) {
        let number = answered.load(Ordering::Relaxed);
        client.exchange(&format!("healthy, message {number}\n"));
        answered.fetch_add(1, Ordering::Relaxed);
    }
    client.send("Bye\n");
    client.receive_to_the_end("");
}

fn reset_before_accept(model: &'static str) {
    let room = if model == "iterative" { &[][..] } else { &["--max-connections", "1"] };
    let server = Server::start(model, &[&["--quiet"], room].concat());
    let mut held = server.connect();
    held.exchange("served\n");
    let mut resetting = server.connect();
    resetting.send("never read");
    resetting.reset();
    let mut next = server.connect();
    next.send("waits\n");
    drop(held);
    next.receive("waits\n");
    wait_until("the log says it", || server.logged("Connection reset by peer") == 1);
    server.process.stop().expect("a good end");
}

fn reset_during_a_message(model: &'static str) {
    let server = Server::start(model, &["--quiet"]);
    nothing_lost_beside(&server, model, || {
        let mut client = server.connect();
        client.exchange("served\n");
        client.send("half a mess");
        client.reset();
        wait_until("the log says it", || server.logged("Connection reset by peer") == 1);
    });
    assert_eq!(server.logged("closed: "), 1, "{}", server.log());
}

fn reset_with_answers_unread(model: &'static str) {
    let server = Server::start(model, &["--quiet"]);
    nothing_lost_beside(&server, model, || {
        let mut client = server.connect();
        client.stuff();
        client.reset();
        wait_until("the log says it", || server.logged("closed: ") == 1);
    });
    assert_eq!(server.logged("closed: "), 1, "{}", server.log());
}

fn never_reads(model: &'static str) {
    let server = Server::start(model, &["--quiet", "--idle-timeout", "1s"]);
    nothing_lost_beside(&server, model, || {
        let mut client = server.connect();
        client.stuff();
        wait_until("the log says it", || server.logged("closed: idle for 1s") == 1);
    });
}

fn half_a_message(model: &'static str) {
    let server = Server::start(model, &["--quiet", "--idle-timeout", "500ms"]);
    nothing_lost_beside(&server, model, || {
        let mut client = server.connect();
        client.send("half a mess");
        client.receive_to_the_end("");
        wait_until("the log says it", || server.logged("closed: idle for 500ms") == 1);
    });
}

/// What `--idle-timeout` does not end: a client that is slow on purpose.
fn slow_loris(model: &'static str) {
    let server = Server::start(model, &["--quiet", "--idle-timeout", "2s"]);
    nothing_lost_beside(&server, model, || {
        let mut client = server.connect();
        let message = "slow loris, one byte at a time\n";
        for byte in message.as_bytes() {
            client.send([*byte]);
            thread::sleep(Duration::from_millis(100));
        }
        client.receive(message);
    });
}

fn workers_held(model: &'static str) {
    let server = Server::start(model, &["--workers", "2", "--idle-timeout", "1s"]);
    let _silent = [server.connect(), server.connect()];
    wait_until("both are served", || server.logged("connected") == 2);
    let mut next = server.connect();
    next.send("waits\n");
    next.wait_in_vain();
    next.receive("waits\n");
    wait_until("both have ended", || server.logged("closed: idle for 1s") == 2);
}

fn full_log(model: &'static str) {
    let mut command = serve_command(LAB, model, &[]);
    command.stderr(File::create("/dev/full").expect("a device that is always full"));
    let server = ServerProcess::start(command).expect("a server");
    for _ in 0..3 {
        let mut client = Client::connect(server.address());
        client.exchange("logged in vain\n");
        client.send("Bye\n");
        client.receive_to_the_end("");
    }
    server.stop().expect("a good end");
}

/// Each client sends when it was answered. What the server counted as answered arrives, and a
/// message that no answer came to is the last.
fn shutdown_under_load(model: &'static str) {
    let server = Server::start(model, &["--quiet"]);
    let answered = Arc::new(AtomicU64::new(0));
    let client = |_| {
        let (mut client, answered) = (server.connect(), Arc::clone(&answered));
        thread::spawn(move || {
            while client.try_exchange("hello\n") {
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let clients: Vec<_> = (0..4).map(client).collect();
    wait_until("they are under way", || answered.load(Ordering::Relaxed) > 1000);
    server.process.signal(Signal::SIGTERM).expect("a server");
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    let answered = answered.load(Ordering::Relaxed);
    let (stopped, log) = server.wait();
    assert!(stopped.status.success() && !log.contains("cut"), "{stopped:?} {log}");
    assert!(stopped.output.contains(&format!("messages      {answered}\n")), "{stopped:?}");
}

fn children_go_along(model: &'static str) {
    let server = Server::start(model, &[]);
    let mut client = server.connect();
    client.exchange("served\n");
    let parent = server.process.process();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let child: i32 = children.expect("its children").trim().parse().expect("one child");
    server.process.signal(Signal::SIGKILL).expect("a server");
    client.receive_to_the_end("");
    // Whoever adopts it may leave it as a zombie.
    let is_alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with('Z'))
    };
    wait_until("the child is gone", || !is_alive());
}
