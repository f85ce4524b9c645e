//! What clients, networks and logs do to a server, and what it must not do to anybody else.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use lab::server_process::{ServerProcess, serve_command};
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// Runs `fault` beside clients that talk to the server all the while, where it can serve them
/// beside others. What they are answered is counted against what they sent.
pub(crate) fn nothing_lost_beside(server: &Server, model: &str, fault: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    let clients = if model == "iterative" { 0 } else { 2 };
    thread::scope(|scope| {
        let healthy: Vec<_> = (0..clients).map(|_| scope.spawn(|| talk(server, &stop))).collect();
        let stops = StopsAtTheEnd(&stop);
        fault();
        drop(stops);
        for client in healthy {
            let (sent, answered) = client.join().expect("a healthy client");
            assert!(sent > 0 && sent == answered, "sent {sent} bytes, answered {answered}");
        }
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

/// How many bytes a client sent until it was stopped, and how many were answered.
fn talk(server: &Server, stop: &AtomicBool) -> (usize, usize) {
    let mut client = server.connect();
    let (mut sent, mut answered) = (0, 0);
    while !stop.load(Ordering::Relaxed) || sent == 0 {
        let message = format!("healthy, {sent} bytes so far\n");
        client.send(&message);
        sent += message.len();
        client.receive(&message);
        answered += message.len();
    }
    client.send("Bye\n");
    client.receive_to_the_end("");
    (sent, answered)
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
    wait_until("the child is gone", || kill(Pid::from_raw(child), None).is_err());
}
