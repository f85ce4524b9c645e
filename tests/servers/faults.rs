//! What clients, networks and logs do to a server, and what it must not do to anybody else.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use server_core::{AtOnce, Unit};
use server_process::ServerProcess;
use server_process::family::proportional_set_size;

use crate::support::inside::{children_of, is_gone};
use crate::support::{Client, PATIENCE, Server, Subject, wait_for, wait_until};
use crate::{Tests, of_all, of_those};

pub(crate) fn trials() -> Vec<Trial> {
    let tests: Tests<14> = [
        ("a log that is not read costs lines, which are counted, and no answer", unread_log),
        ("a message far over the limit is answered, however it is framed", far_too_long),
        ("a client that resets before it is accepted harms nobody", reset_before_accept),
        ("a client that resets during a message is logged once", reset_during_a_message),
        ("a client that resets with answers unread is logged once", reset_with_answers_unread),
        ("a client that never reads ends by the idle timeout", never_reads),
        ("a full disk under its log does not stop it", full_log),
        ("a client that sends on after an ERROR is not reset", sends_on_after_an_error),
        ("a client without line ends is told of in the log, once", no_line_ends),
        ("what looks like TLS or HTTP is told of in the log", other_protocols),
        ("a client that does not read is not read from for long", is_not_read_from),
        ("a reset during work is noticed, also behind a half-close", reset_during_work),
        ("a storm of resets is told of once a second", storm_of_resets),
        ("SIGTERM under load: every answer that was counted arrives", shutdown_under_load),
    ];
    let mut trials: Vec<_> =
        tests.into_iter().flat_map(|(name, test)| of_all(name, test)).collect();
    let has_workers = |it: &Subject| it.model.at_once == AtOnce::Workers;
    let forks = |it: &Subject| it.model.unit == Unit::Process;
    let queues = |it: &Subject| has_workers(it) && !forks(it);
    let held = "silent clients hold all workers until the idle timeout";
    let along = "a server that is killed takes its children along";
    let rude = "clients that send on after an ERROR hold no worker";
    trials.extend(of_those(has_workers, held, workers_held));
    trials.extend(of_those(queues, rude, rude_clients));
    trials.extend(of_those(forks, along, children_go_along));
    let loops = |it: &Subject| matches!(it.model.unit, Unit::None | Unit::Task) && !it.serves_one();
    let slow = "a client that reads slowly is not idle";
    trials.extend(of_those(loops, slow, reads_slowly));
    let stopped = "a message that came while the server stood still is answered after it";
    trials.extend(of_those(loops, stopped, stands_still));
    // A runtime does not tell of it: what is behind it is read there when more comes.
    let reads_on = |it: &Subject| it.model.unit != Unit::Task;
    let urgent = "urgent data does not hide what is behind it";
    trials.extend(of_those(reads_on, urgent, urgent_data));
    trials
}

/// How many messages of each healthy client are answered, at least, before a fault and after it.
const EXCHANGES: usize = 10;

/// How long a healthy client waits before its next message.
const PACE: Duration = Duration::from_millis(3);

/// Runs `fault` beside clients that talk to the server all the while. Each of their messages must be
/// answered, before, during and after the fault. Where one client is served at a time they come
/// anew for each message, so that the fault's client has its turn too, and wait for it to leave.
pub(crate) fn nothing_lost_beside(server: &Server, subject: Subject, fault: impl FnOnce()) {
    let (stop, messages) =
        (AtomicBool::new(false), if subject.serves_one() { 1 } else { u64::MAX });
    let answered: Vec<_> = (0..2).map(|_| AtomicUsize::new(0)).collect();
    let wait_for_more = |what: &str| {
        let before: Vec<usize> = answered.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        let more =
            |(it, before): (&AtomicUsize, &usize)| it.load(Ordering::Relaxed) >= before + EXCHANGES;
        wait_until(what, || answered.iter().zip(&before).all(more));
    };
    thread::scope(|scope| {
        let stop = &stop;
        let talk = |answered| scope.spawn(move || talk(server, messages, stop, answered));
        let healthy: Vec<_> = answered.iter().map(talk).collect();
        let stops = StopsAtTheEnd(stop);
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

/// Sends message after message until it is stopped, so many over a connection at most. Each must
/// come back byte for byte.
fn talk(server: &Server, messages: u64, stop: &AtomicBool, answered: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        let (mut client, mut sent) = (server.connect(), 0);
        while sent < messages && !stop.load(Ordering::Relaxed) {
            let number = answered.load(Ordering::Relaxed);
            client.exchange(&format!("healthy, message {number}\n"));
            answered.fetch_add(1, Ordering::Relaxed);
            sent += 1;
            // The CPUs are for the other tests.
            thread::sleep(PACE);
        }
        client.send("Bye\n");
        client.receive_to_the_end("");
    }
}

fn reset_before_accept(subject: Subject) {
    let server = subject.start_with_room_for_one(&["--quiet"]);
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

fn reset_during_a_message(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        client.exchange("served\n");
        client.send("half a mess");
        client.reset();
        wait_until("the log says it", || server.logged("Connection reset by peer") == 1);
    });
    assert_eq!(server.logged("closed: "), 1, "{}", server.log());
}

fn reset_with_answers_unread(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        client.stuff();
        client.reset();
        wait_until("the log says it", || server.logged("closed: ") == 1);
    });
    assert_eq!(server.logged("closed: "), 1, "{}", server.log());
}

/// Backpressure: the server stops reading what it could not answer, and TCP passes that on to the client. A server
/// that read on would keep the answers, and its client could send for ever.
fn is_not_read_from(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let mut client = server.connect();
    client.stuff();
    let memory = proportional_set_size(server.process.process()).expect("a running server");
    assert!(memory < f64::from(32 << 20), "{memory} bytes");
    client.half_close();
    let answers = client.wait_for_any_end().expect("the rest of them");
    assert!(answers > 1 << 16, "{answers} bytes");
}

/// Long before the work would be done.
fn reset_during_work(subject: Subject) {
    for half_closes in [false, true] {
        let server = subject.start(&["--delay", "10m"]);
        let mut client = server.connect();
        client.send("hello\n");
        if half_closes {
            client.half_close();
        }
        wait_until("it works", || server.log().contains("\"hello\""));
        client.reset();
        wait_until("the log says it", || server.logged("closed: ") == 1);
    }
}

/// The answer to one long message is read a little at a time. No input comes meanwhile that would show that
/// the client is still there.
fn reads_slowly(subject: Subject) {
    let longest = 16 << 20;
    let options = ["--quiet", "--idle-timeout", "3s", "--max-message", &longest.to_string()];
    let server = subject.start(&options);
    let mut client = server.connect();
    let message = client.clone_to_send("x".repeat(longest - 1) + "\n");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(9) {
        client.receive_some(64 * 1024);
        thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(server.logged("closed: "), 0, "{}", server.log());
    drop(server);
    message.join().expect("the message was sent, or the server has ended");
}

fn never_reads(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "5s"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        client.stuff();
        // Whenever a loop looks once more before it gives up, the kernel may have found room for a few bytes.
        let longest = 3 * PATIENCE;
        wait_for(longest, "the log says it", || server.logged("closed: idle for 5s") == 1);
    });
}

/// A client that does not stop at once at its mistake: the server takes what it sends, and forgets it.
fn sends_on_after_an_error(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    nothing_lost_beside(&server, subject, || {
        let mut client = server.connect();
        client.send("before\n");
        client.send(b"\xff\n");
        client.receive("before\n");
        client.receive("ERROR message is not UTF-8\n");
        // A reset would come between two of these, and the second would fail.
        for _ in 0..10 {
            client.send("too late\n");
            thread::sleep(Duration::from_millis(10));
        }
        client.half_close();
        client.receive_to_the_end("");
    });
}

/// The tutorial's client, at a server that waits for a line's end: neither would learn why.
fn no_line_ends(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let mut client = server.connect();
    client.send("message 1");
    let told = "9 bytes and no line end yet; a client without line ends needs --framing raw";
    wait_until("the log says it", || server.logged(told) == 1);
    client.send(", and more");
    client.send(" of it\n");
    client.receive("message 1, and more of it\n");
    assert_eq!(server.logged("no line end yet"), 1, "{}", server.log());
}

fn other_protocols(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let mut browser = server.connect();
    browser.exchange("GET / HTTP/1.1\r\n");
    drop(browser);
    let mut hello = server.connect();
    hello.send(b"\x16\x03\x01\x02\x00\x01\x00\xfc\n");
    hello.receive("ERROR message is not UTF-8\n");
    drop(hello);
    server.connect().exchange("plain text\n");
    wait_until("the log says it", || server.logged("looks like TLS") == 1);
    assert_eq!(server.logged("looks like HTTP"), 1, "{}", server.log());
}

/// Each is a connection's end of its own, and all of them are few lines.
fn storm_of_resets(subject: Subject) {
    const STORM: usize = 60;
    let server = subject.start(&["--quiet"]);
    let begin = Instant::now();
    for _ in 0..STORM {
        let mut client = server.connect();
        client.exchange("served\n");
        client.reset();
    }
    let mut last = server.connect();
    last.exchange("served after it\n");
    let lines = server.logged("closed: ");
    let most = begin.elapsed().as_secs() as usize + 2;
    assert!((1..=most.min(STORM / 2)).contains(&lines), "{lines} lines:\n{}", server.log());
}

/// As many clients as workers make a mistake and stay. A newcomer is served before the server has
/// given up on them, which it does after a second: they can still send then.
fn rude_clients(subject: Subject) {
    let server = subject.start_with_workers(2, &["--quiet"]);
    let rude = || {
        let mut client = server.connect();
        client.send(b"\xff\n");
        client.receive("ERROR message is not UTF-8\n");
        client
    };
    let mut rude = [rude(), rude()];
    server.connect().exchange("a newcomer\n");
    for client in &mut rude {
        client.send("still here\n");
        thread::sleep(Duration::from_millis(20));
        client.send("and here\n");
    }
    wait_until("both have gone", || server.logged("closed: refused") == 2);
}

fn workers_held(subject: Subject) {
    let server = subject.start(&["--workers", "2", "--idle-timeout", "1s"]);
    let _silent = [server.connect(), server.connect()];
    wait_until("both are served", || server.logged("connected") == 2);
    let mut next = server.connect();
    next.send("waits\n");
    next.wait_in_vain();
    next.receive("waits\n");
    wait_until("both have ended", || server.logged("closed: idle for 1s") == 2);
}

fn full_log(subject: Subject) {
    let mut command = subject.command(&[]);
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

/// The pipe that it logs to is full long before the end.
fn unread_log(subject: Subject) {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut command = subject.command(&[]);
    command.stderr(writer);
    let server = ServerProcess::start(command).expect("a server");
    let mut client = Client::connect(server.address());
    for _ in 0..2000 {
        client.exchange("logged in vain\n");
    }
    // Now there is room.
    let taken = reader.read(&mut vec![0; 1 << 16]).expect("a full pipe");
    assert!(taken > 1 << 12, "{taken} bytes");
    client.exchange("this one is logged\n");
    client.send("Bye\n");
    client.receive_to_the_end("");
    server.stop().expect("a good end");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("text");
    assert!(rest.contains("lines of this log were lost"), "{rest}");
}

/// All of it is sent before the answer is looked for, and must be taken for that.
fn far_too_long(subject: Subject) {
    for (framing, end) in [("line", "\n"), ("raw", "")] {
        // So short that in raw framing, too, the first read is over it.
        let server = subject.start(&["--quiet", "--framing", framing, "--max-message", "100"]);
        let mut client = server.connect();
        client.send("x".repeat(2 << 20) + end);
        client.receive("ERROR message longer than 100 bytes\n");
        client.half_close();
        client.receive_to_the_end("");
    }
}

/// Each client sends when it was answered. What the server counted as answered arrives, and a
/// message that no answer came to is the last.
fn shutdown_under_load(subject: Subject) {
    let server = subject.start(&["--quiet"]);
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

fn children_go_along(subject: Subject) {
    let server = subject.start(&[]);
    let mut client = server.connect();
    client.exchange("served\n");
    let children = children_of(server.process.process());
    assert!(!children.is_empty());
    server.process.signal(Signal::SIGKILL).expect("a server");
    client.receive_to_the_end("");
    wait_until("its children are gone", || children.iter().all(|child| is_gone(*child)));
}

/// The server's time passes while it cannot look: longer than its clients may be idle.
fn stands_still(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "3s"]);
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.exchange("before\n"));
    server.pause();
    clients.iter_mut().for_each(|client| client.send("meanwhile\n"));
    thread::sleep(Duration::from_millis(3500));
    server.go_on();
    clients.iter_mut().for_each(|client| client.receive("meanwhile\n"));
}

fn urgent_data(subject: Subject) {
    // No hint is due then, for which the server would look once more.
    let server = subject.start(&["--quiet", "--idle-timeout", "25s"]);
    let mut client = server.connect();
    client.exchange("before\n");
    // So that all of it is there when the server looks.
    server.pause();
    client.send("abc");
    client.send_urgently(b"!");
    client.send("def\n");
    server.go_on();
    client.receive("abcdef\n");
}
