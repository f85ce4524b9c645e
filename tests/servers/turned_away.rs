//! Who has waited for a worker for too long is told so.

use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::support::{Client, Subject, wait_until};
use crate::{Tests, of_those};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<4> = [
        ("with --max-wait a client that nobody serves in time is told so", told),
        ("with --max-wait a client that is served in time notices nothing", in_time),
        ("with --max-wait it serves on after many were turned away", serves_on),
        ("with --max-wait clients in the queue are answered at SIGTERM", answered_at_the_end),
    ];
    let can_refuse = |it: &Subject| it.model.properties.max_wait;
    tests.into_iter().flat_map(|(name, test)| of_those(can_refuse, name, test)).collect()
}

fn told(subject: Subject) {
    let server = subject.start_with_workers(1, &["--max-wait", "1s"]);
    let mut held = server.connect();
    held.exchange("held\n");
    let mut late = server.connect();
    late.send("late\n");
    late.receive_to_the_end("ERROR busy\n");
    held.exchange("still served\n");
    assert_eq!(server.logged("turned away: nobody was free for 1s"), 1, "{}", server.log());
    assert_eq!(server.logged("\"late\""), 0, "nobody has read it: {}", server.log());
    drop(held);
    let summary = server.process.stop().expect("a good end").output;
    assert!(
        summary.contains("connections   2, ") && summary.contains("turned away   1"),
        "{summary}"
    );
    assert!(summary.contains("messages      2"), "{summary}");
}

fn in_time(subject: Subject) {
    let server = subject.start_with_workers(1, &["--max-wait", "10m"]);
    let mut held = server.connect();
    held.exchange("held\n");
    let mut next = server.connect();
    next.send("next\n");
    next.wait_in_vain();
    held.send("Bye\n");
    next.receive("next\n");
    next.exchange("and more\n");
}

/// Of those that are turned away some have sent something.
fn serves_on(subject: Subject) {
    let server = subject.start_with_workers(2, &["--max-wait", "1s", "--quiet"]);
    let mut held = [server.connect(), server.connect()];
    held.iter_mut().for_each(|client| client.exchange("held\n"));
    let mut late: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    late.iter_mut().take(20).for_each(|client| client.send("hello\n"));
    late.iter_mut().for_each(|client| client.receive_to_the_end("ERROR busy\n"));
    drop(late);
    drop(held);
    server.connect().exchange("served again\n");
    let summary = server.process.stop().expect("a good end").output;
    assert!(summary.contains("turned away   40"), "{summary}");
}

fn answered_at_the_end(subject: Subject) {
    let arguments = ["--max-wait", "10m", "--delay", "300ms", "--drain-timeout", "30s"];
    let server = subject.start_with_workers(1, &arguments);
    let mut first = server.connect();
    first.send("first\n");
    wait_until("it works on the first", || server.log().contains("\"first\""));
    let before = server.descriptors();
    let mut waiting = [server.connect(), server.connect()];
    waiting.iter_mut().for_each(|client| client.send("waits\n"));
    wait_until("they are in the queue", || server.descriptors() > before + 1);
    server.process.signal(Signal::SIGTERM).expect("a running server");
    first.receive_to_the_end("first\n");
    waiting.iter_mut().for_each(|client| client.receive_to_the_end("waits\n"));
    let (stopped, log) = server.wait();
    assert!(stopped.status.success() && !log.contains("turned away"), "{log}");
}
