//! What a connection makes the kernel do: kinds of calls, never times.

use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lab::kernel::call_counter::{CallCounter, Calls};
use lab::kernel::tracer::{Happening, Tracer};
use lab::models::MODELS;
use lab::results::{Coordinate, Results, Row, Sample};
use libtest_mimic::Trial;
use nix::unistd::Pid;
use serde_json::Value;
use server_core::{Model, Unit};

use crate::of_those;
use crate::support::{Client, LAB, Subject};

pub(crate) fn trials() -> Vec<Trial> {
    let makes_threads =
        |it: &Subject| it.model.makes_a_unit_for_each() && it.model.unit == Unit::Thread;
    let counted = "a connection changes no mapping and asks for no signal stack";
    let mut trials: Vec<Trial> = of_those(makes_threads, counted, counts_thread_calls)
        .chain(of_those(makes_threads, "it is traced while its threads end", follows_who_is_left))
        .collect();
    trials.push(Trial::test("anatomy: each model makes its unit and nothing else", || {
        tells_what_is_made();
        Ok(())
    }));
    trials.push(Trial::test(
        "anatomy: of two loops one thread accepts or each, and one serves",
        || {
            tells_who_serves();
            Ok(())
        },
    ));
    trials.push(Trial::test("anatomy: without leave to trace it says so and counts", || {
        counts_without_stories();
        Ok(())
    }));
    trials
}

/// How many connections are counted.
const CONNECTIONS: usize = 30;

/// What the standard library would do for each thread, to report an overflow of its stack.
const OF_A_SIGNAL_STACK: [&str; 5] =
    ["mmap", "munmap", "mprotect", "sigaltstack", "sched_getaffinity"];

fn counts_thread_calls(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let converse = |clients: usize| {
        let mut clients: Vec<Client> = (0..clients).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.exchange("hello\n");
        }
        for mut client in clients {
            client.send("Bye\n");
            client.receive_to_the_end("");
        }
    };
    // These leave more stacks than threads that overlap later will need.
    (0..3).for_each(|_| converse(CONNECTIONS));
    let count = CallCounter::tracing().attach(server.process.process()).expect("leave to trace");
    (0..CONNECTIONS).for_each(|_| converse(1));
    let calls: Calls = count.finish().expect("a count");
    let made = calls.of("clone3") + calls.of("clone");
    assert_eq!(made, CONNECTIONS as u64, "{calls:?}");
    for name in OF_A_SIGNAL_STACK {
        assert_eq!(calls.of(name), 0, "{name}: {calls:?}");
    }
}

/// How often a tracer comes to it.
const TRACERS: usize = 40;

fn follows_who_is_left(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let clients: Vec<Client> = (0..CONNECTIONS).map(|_| server.connect()).collect();
                drop(clients);
            }
        });
        let traced = (0..TRACERS).map(|_| {
            let count = CallCounter::tracing().attach(server.process.process())?;
            count.finish()
        });
        let all: io::Result<Vec<Calls>> = traced.collect();
        over.store(true, Ordering::Relaxed);
        all.expect("leave to trace");
    });
}

/// The figures of a run, and what it printed.
fn figures(arguments: &[&str]) -> (Results, String) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut command = Command::new(LAB);
    command.arg("anatomy").args(arguments).arg("--json").arg(file.path());
    let output = command.output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let record = std::fs::read_to_string(file.path()).expect("the file");
    (serde_json::from_str(&record).expect("JSON"), text)
}

fn tells_what_is_made() {
    let (mut figures, text) = figures(&["--quick"]);
    // On a very busy machine there may be no connection in the one window of a quick run.
    for _ in 0..5 {
        if is_counted(&figures) {
            break;
        }
        figures = self::figures(&[]).0;
    }
    let wide = text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "{text}");
    let able = MODELS.iter().filter(|entry| entry.model.obstacle().is_none());
    for (index, entry) in able.enumerate() {
        let story = &figures.facts["stories"][index];
        assert_eq!(story["model"], entry.model.name);
        let steps = story["steps"].as_array().expect("steps");
        assert_made(&entry.model, steps);
        assert_lived(&entry.model, steps);
        assert_counted(&entry.model, &figures);
    }
}

/// Who took part in the life of a connection, and who of them accepted it.
fn tells_who_serves() {
    let with = |options: &str| format!("event --workers 2{options}");
    let [in_turn, by_kernel] = [with(""), with(" --reuse-port")];
    let directory = tempfile::tempdir().expect("a temporary directory");
    let json = directory.path().join("figures.json");
    let mut lab = Command::new(LAB);
    lab.args(["anatomy", "--quick", "--models", &format!("{in_turn},{by_kernel}"), "--json"]);
    let status = lab.arg(&json).stdout(Stdio::null()).status().expect("the lab");
    assert!(status.success());
    let text = std::fs::read_to_string(json).expect("the file");
    let figures: Results = serde_json::from_str(&text).expect("results");
    let stories = figures.facts["stories"].as_array().expect("stories");
    let who = |story: usize, part: &str| {
        let steps = stories[story]["steps"].as_array().expect("steps").iter();
        let steps = steps.filter(|it| it["text"].as_str().is_some_and(|text| text.contains(part)));
        let mut who: Vec<&str> = steps.filter_map(|it| it["who"].as_str()).collect();
        who.dedup();
        who
    };
    assert_eq!(stories[0]["model"], in_turn.as_str());
    assert_eq!(who(0, "accept4(listener) = connection"), ["acceptor"]);
    assert!(matches!(who(0, "hi")[..], ["worker 1" | "worker 2"]), "{:?}", stories[0]);
    assert_eq!(stories[1]["model"], by_kernel.as_str());
    assert_eq!(who(1, "accept4(listener) = connection"), who(1, "hi"));
    assert!(matches!(who(1, "hi")[..], ["worker 1" | "worker 2"]), "{:?}", stories[1]);
}

/// Whether the calls of every server under every load were counted.
fn is_counted(figures: &Results) -> bool {
    let calls = |row: &&Row| row.figure == "system calls";
    let servers = MODELS.iter().filter(|entry| entry.model.obstacle().is_none()).count();
    figures.rows.iter().filter(calls).count() == LOADS.len() * servers
}

/// The loads under which is counted, and whether they are of messages.
const LOADS: [(&str, bool); 3] =
    [("1 client", false), ("32 clients", false), ("50 warm connections", true)];

/// Whether the unit that a model has for each connection was made, and nothing else.
fn assert_made(model: &Model, steps: &[Value]) {
    let made: Vec<&Value> = steps.iter().map(|it| &it["made"]).filter(|it| !it.is_null()).collect();
    if !model.makes_a_unit_for_each() || model.unit == Unit::Task {
        assert!(made.is_empty(), "{}: {made:?}", model.name);
        return;
    }
    let is_thread = model.unit == Unit::Thread;
    assert_eq!(made.len(), 1, "{}: {made:?}", model.name);
    assert_eq!(made[0]["is_thread"], is_thread, "{}", model.name);
    assert_eq!(made[0]["shares_memory"], is_thread, "{}", model.name);
}

/// Whether a connection was accepted, read from, waited for, written to and closed, in that order.
fn assert_lived(model: &Model, steps: &[Value]) {
    let texts: Vec<&str> = steps.iter().filter_map(|it| it["text"].as_str()).collect();
    let (by_itself, by_completion) = (
        &[
            "accept4(listener) = connection",
            "recvfrom(connection) = 3 \"hi\\n\"",
            "sendto(connection) = 3 \"hi\\n\"",
            "recvfrom(connection) = 4 \"Bye\\n\"",
        ][..],
        &["io_uring_enter(1 operation)", "close(connection)"][..],
    );
    let mut from = 0;
    for part in if model.properties.by_completion { by_completion } else { by_itself } {
        let place = texts[from..].iter().position(|text| text == part);
        from += place.unwrap_or_else(|| panic!("{}: {part:?} is missing in {texts:?}", model.name));
    }
    let phases: Vec<&str> = steps.iter().filter_map(|it| it["phase"].as_str()).collect();
    assert!(phases.contains(&"arrives") && phases.contains(&"unit_ends"), "{phases:?}");
    let waited = steps.iter().filter(|it| it["waited"] == true && it["returned"] == true).count();
    assert!(waited >= 3, "{}: for a client, its message and `Bye`: {steps:?}", model.name);
}

/// Whether 32 clients make as many processes or threads as the model has units for them.
fn assert_counted(model: &Model, figures: &Results) {
    let median = |axis: &str, value: Coordinate, figure: &str| {
        let place = [("server", model.name.into()), (axis, value)];
        figures.sample(&place, figure).map(Sample::median).expect("a count")
    };
    let more = |what: &str| {
        let with = |clients: f64| median("clients", clients.into(), what);
        with(32.0) - with(0.0)
    };
    let units = if model.makes_a_unit_for_each() { 32.0 } else { 0.0 };
    let (processes, threads) = match model.unit {
        Unit::Process => (units, units),
        Unit::Thread => (0.0, units),
        Unit::None | Unit::Task => (0.0, 0.0),
    };
    assert_eq!((more("processes"), more("threads")), (processes, threads), "{}", model.name);
    for (load, of_messages) in LOADS {
        let calls = median("load", load.into(), "system calls");
        // It cannot do with fewer than to read a message and to send it back, or a connection. The start of
        // the server counts too, for much where the machine is busy, and more where a tracer slows it down.
        let witness = &figures.facts["calls_counted_by"][model.name];
        let (least, most) = match (of_messages, model.properties.by_completion) {
            _ if witness == "tracer" => (0.0, 100.0),
            (true, true) => (0.0, 10.0),
            (true, false) => (1.5, 10.0),
            (false, true) => (1.5, 40.0),
            (false, false) => (4.5, 40.0),
        };
        assert!((least..most).contains(&calls), "{}: {load}: {calls}", model.name);
    }
}

/// Without stories it counts all the same.
fn counts_without_stories() {
    let (mut figures, text) = traced(&["--quick"]);
    let is_counted = |it: &Results| it.rows.iter().any(|row| row.figure == "page faults");
    // On a very busy machine there may be no connection in the one window of a quick run.
    for _ in 0..5 {
        if is_counted(&figures) {
            break;
        }
        figures = traced(&[]).0;
    }
    let text = text.replace('\n', " ");
    assert!(text.contains("No stories: this system does not let the lab trace"), "{text}");
    assert_eq!(figures.facts["stories"].as_array().map(Vec::len), Some(0));
    assert!(is_counted(&figures), "{figures:?}");
}

/// The figures of a run and what it printed. It is traced by this test, so that nobody else may trace it, nor its
/// servers.
fn traced(arguments: &[&str]) -> (Results, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [json, text] = ["figures.json", "text"].map(|name| directory.path().join(name));
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"read -r _; exec "$0" anatomy "$@""#, LAB]).args(arguments);
    shell.args(["--models", MODELS[0].model.name, "--json"]).arg(&json).stdin(Stdio::piped());
    let mut child = shell.stdout(File::create(&text).expect("a file")).spawn().expect("a shell");
    let lab = Pid::from_raw(child.id().cast_signed());
    let mut begin = child.stdin.take().expect("a pipe");
    let traced = Tracer::follow(lab, |tracer| {
        begin.write_all(b"go\n")?;
        loop {
            match tracer.next_happening()? {
                Some((who, Happening::Ends)) if who == lab => return Ok(()),
                Some(_) => {}
                None => thread::sleep(Duration::from_micros(50)),
            }
        }
    });
    traced.expect("leave to trace");
    // The tracer has waited for it.
    let _ = child.wait();
    let text = std::fs::read_to_string(text).expect("what it printed");
    let record = std::fs::read_to_string(json).expect("the file");
    (serde_json::from_str(&record).expect("results"), text)
}
