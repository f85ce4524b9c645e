//! Clients that take their time over a message, on purpose or not.

use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::faults::nothing_lost_beside;
use crate::support::{Subject, wait_until};
use crate::{Tests, of_all};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<6> = [
        ("a hint in the log does not prolong the idle timeout", is_not_prolonged),
        ("half a message and then silence ends by the idle timeout", half_a_message),
        ("a byte now and then keeps a connection from being idle", slow_loris),
        ("a message that trickles in is refused when its time is up", trickles_in),
        ("a message's time does not run while the server works", rest_behind_work),
        ("a message whose rest came in time is taken, however late the server looks", looks_late),
    ];
    tests.into_iter().flat_map(|(name, test)| of_all(name, test)).collect()
}

fn half_a_message(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "2500ms"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        client.send("half a mess");
        client.receive_to_the_end("");
        wait_until("the log says it", || server.logged("closed: idle for 2s 500ms") == 1);
    });
}

/// The log says after three seconds what may be wrong, and the time goes on.
fn is_not_prolonged(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "4s"]);
    let mut client = server.connect();
    let begin = Instant::now();
    client.send("half a mess");
    client.receive_to_the_end("");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert_eq!(server.logged("no line end yet"), 1, "{}", server.log());
}

/// What `--idle-timeout` does not end: a client that is slow on purpose.
fn slow_loris(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "2500ms"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        let message = "slow loris\n";
        for byte in message.as_bytes() {
            client.send([*byte]);
            thread::sleep(Duration::from_millis(300));
        }
        client.receive(message);
    });
}

/// What `--message-timeout` ends: the slow client, and no silent one.
fn trickles_in(subject: Subject) {
    let server = subject.start(&["--quiet", "--message-timeout", "2s"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        client.send("whole\nhalf a");
        client.receive("whole\n");
        let byte_by_byte = client.clone_to_trickle(Duration::from_millis(100));
        client.receive("ERROR message not whole within 2s\n");
        client.half_close();
        client.receive_to_the_end("");
        byte_by_byte.join().expect("a thread");
        let told = "closed: refused: message not whole within 2s";
        wait_until("the log says it", || server.logged(told) == 1);
    });
    let mut silent = server.connect();
    silent.exchange("nothing is under way behind this\n");
    thread::sleep(Duration::from_millis(2500));
    silent.exchange("so there is time\n");
}

/// The rest comes at once when the client is answered, but that is long after the first half.
fn rest_behind_work(subject: Subject) {
    let server = subject.start(&["--quiet", "--delay", "2s", "--message-timeout", "1500ms"]);
    let mut client = server.connect();
    client.send("one\ntw");
    client.receive("one\n");
    client.send("o\nthree\nfo");
    client.receive("two\nthree\n");
    // It has waited for a second rest by now: each message has a time of its own.
    thread::sleep(Duration::from_millis(50));
    client.send("ur\n");
    client.receive("four\n");
}

fn looks_late(subject: Subject) {
    let server = subject.start(&["--quiet", "--message-timeout", "3s"]);
    let mut client = server.connect();
    client.send("before\nfirst half, ");
    client.receive("before\n");
    server.pause();
    client.send("second half\n");
    thread::sleep(Duration::from_millis(3500));
    server.go_on();
    client.receive("first half, second half\n");
}
