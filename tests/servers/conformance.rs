//! The conformance suite over every model, and what only the project's own servers promise.

use std::time::Duration;

use check::{CASES, Case, Group, Needs, Target};
use client::script::{self, Script};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use protocol::Framing;
use serde_json::Value;
use server_core::AtOnce;
use server_process::StartCommand;

use crate::support::{Client, LAB, PATIENCE, Server, Subject, subjects, trial, wait_until};
use crate::{Tests, of_all};

/// After this time the number of descriptors of a server of ours is final: it closes what has ended at once.
pub(crate) const SETTLED: Duration = Duration::from_millis(300);

/// The limits under which the suite is run: small enough to be met.
pub(crate) const MAX_MESSAGE: &str = "2000";
const SLOW: &str = "2500ms";

pub(crate) fn trials() -> Vec<Trial> {
    let over_all = |case: &'static Case| {
        // Who serves one, or as many as it has workers, lets others wait: that is its lesson.
        let can_follow = move |subject: &Subject| {
            let can_be_seen = case.needs != Needs::Process || cfg!(target_os = "linux");
            can_be_seen
                && (case.group != Group::Concurrency || subject.model.at_once == AtOnce::All)
        };
        subjects().filter(can_follow).map(move |subject| {
            trial(format!("{}: {}", subject.name(), case.name), &subject.model, move || {
                let server = start(subject, case);
                case.check(&target(subject, &server))?;
                // Whatever the case did, the server still serves and stops in good order.
                server.process.stop()?;
                Ok(())
            })
        })
    };
    let tests: Tests<7> = [
        ("its log as JSON is an object a line, with the events of the text", json_log),
        ("answers come in order after their delay, each on its own", delayed_answers),
        ("an idle connection is closed after --idle-timeout", idle_timeout),
        ("the scripted client is content", scripted_lines),
        ("raw: the scripted client is content", scripted_raw),
        ("a client comes by IPv6", ipv6),
        ("Panic and Abort are plain text without --allow-crash", crash_words),
    ];
    let own = tests.into_iter().flat_map(|(name, test)| of_all(name, test));
    CASES.iter().flat_map(over_all).chain(own).collect()
}

/// A server to hold against a case.
pub(crate) fn start(subject: Subject, case: &Case) -> Server {
    let framing = case.framing.unwrap_or_default().to_string();
    let limits = match case.group {
        Group::Slow => ["--message-timeout", SLOW],
        _ => ["--max-message", MAX_MESSAGE],
    };
    subject.start(&[&limits[..], &["--framing", &framing]].concat())
}

pub(crate) fn target(subject: Subject, server: &Server) -> Target {
    Target {
        max_message: MAX_MESSAGE.parse().expect("a number"),
        message_timeout: humantime::parse_duration(SLOW).expect("a duration"),
        patience: PATIENCE,
        settled: SETTLED,
        process: Some(server.process.process()),
        start: Some(start_command(subject)),
        ..Target::new(server.address())
    }
}

/// How another server of this kind is started.
fn start_command(subject: Subject) -> StartCommand {
    let command = format!("'{LAB}' serve {} --quiet --addr 127.0.0.1:{{port}}", subject.name());
    command.parse().expect("a command")
}

fn scripted_lines(subject: Subject) {
    talk(&subject.start(&[]), Framing::Line);
}

fn scripted_raw(subject: Subject) {
    talk(&subject.start(&["--framing", "raw"]), Framing::Raw);
}

fn ipv6(subject: Subject) {
    talk(&subject.start(&["--addr", "[::1]:0"]), Framing::Line);
}

fn talk(server: &Server, framing: Framing) {
    let script = Script {
        addr: server.address().into(),
        framing,
        count: 10,
        message: "第:{} 条消息。".to_owned(),
        timeout: PATIENCE,
    };
    let mut output = Vec::new();
    script::run(&script, &mut output).expect("a good conversation");
    let answers = String::from_utf8(output).expect("text");
    assert_eq!(answers, (1..=10).map(|n| format!("第:{n} 条消息。\n")).collect::<String>());
}

fn crash_words(subject: Subject) {
    let server = subject.start(&[]);
    let mut client = server.connect();
    let text = "Panic\nAbort\n".repeat(20);
    client.send(text.clone() + "Bye\n");
    client.receive_to_the_end(text);
}

fn delayed_answers(subject: Subject) {
    let server = subject.start(&["--delay", "50ms"]);
    let mut client = server.connect();
    let begin = std::time::Instant::now();
    client.send("one\ntwo\nthree\n");
    for (message, earliest) in [("one\n", 50), ("two\n", 100), ("three\n", 150)] {
        client.receive(message);
        assert!(begin.elapsed().as_millis() >= earliest, "{message:?} came early");
    }
}

fn idle_timeout(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "1s"]);
    let mut client = server.connect();
    client.exchange("hello\n");
    client.receive_to_the_end("");
    wait_until("the log says it", || server.log().contains("closed: idle for 1s"));
}

/// A busy run: each line is an object, and the objects tell of every connection, message and answer.
fn json_log(subject: Subject) {
    const CLIENTS: usize = 20;
    let run = |arguments: &[&str]| {
        let server = subject.start(arguments);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let address = server.address();
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    client.exchange(&format!("client {number}\n"));
                    client.send("{\"two\"}\nthree\n");
                    client.receive("{\"two\"}\nthree\n");
                    client.send("Bye\n");
                    let _ = client.wait_for_any_end();
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("a client"));
        server.process.signal(Signal::SIGTERM).expect("a running server");
        server.wait().1
    };
    let parse = |line: &str| serde_json::from_str::<Value>(line).expect("an object a line");
    let log = run(&["--log-format", "json"]);
    let lines: Vec<Value> = log.lines().map(parse).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((of("connected"), of("closed")), (CLIENTS, CLIENTS), "{log}");
    let answered = lines.iter().filter_map(|line| line["messages"].as_u64()).sum::<u64>();
    assert_eq!((of("message"), answered), (4 * CLIENTS, 3 * CLIENTS as u64), "{log}");
    for line in &lines {
        let time = line["timestamp"].as_str().expect("a time");
        assert!(humantime::parse_rfc3339(time).is_ok(), "{line}");
        for key in ["/level", "/event", "/message", "/span/who", "/span/peer"] {
            assert!(line.pointer(key).is_some_and(Value::is_string), "{key}: {line}");
        }
    }
    assert_eq!(run(&["--log-format", "json", "--quiet"]), "");
    let text = run(&[]);
    assert_eq!(text.lines().count(), lines.len(), "{text}");
}
