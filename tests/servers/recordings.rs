//! What is recorded of a run, drawn again, and opened by other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lab::recording::{Event, Recording, What};
use lab::results::{Results, Sample};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::lab_program::lab;
use crate::of_all;
#[cfg(target_os = "linux")]
use crate::support::LAB;
use crate::support::Subject;

/// How many clients come at once, and how many messages each has.
const CLIENTS: usize = 3;
const MESSAGES: usize = 2;

pub(crate) fn trials() -> Vec<Trial> {
    let agree = "what is recorded agrees with what its clients counted";
    let mut trials: Vec<Trial> = of_all(agree, agrees_with_the_clients).collect();
    let tests: &[(&str, fn())] = &[
        ("a death takes along who lives in the same process, and nobody else", deaths),
        ("slow clients hold all workers, until the defence ends them", siege),
        ("what was recorded is drawn again as it was", is_drawn_again),
        #[cfg(target_os = "linux")]
        ("of a server without a log the kernel tells who was accepted", kernel_tells),
        ("a trace of clients has the fields that its format asks for", clients_are_traced),
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        ("a trace of system calls has the fields that its format asks for", calls_are_traced),
    ];
    trials.extend(tests.iter().map(|&(name, test)| {
        Trial::test(format!("recording: {name}"), move || {
            test();
            Ok(())
        })
    }));
    trials
}

/// What the lab prints, with this file's path behind its last argument.
fn run(arguments: &[&str], file: &Path) -> String {
    let output = lab(arguments).arg(file).output().expect("the lab");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn agrees_with_the_clients(subject: Subject) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [record, json] = ["recording", "json"].map(|name| directory.path().join(name));
    let (clients, messages) = (CLIENTS.to_string(), MESSAGES.to_string());
    let plan = ["--clients", &clients, "--messages", &messages, "--delay", "5ms"];
    let name = subject.name();
    let what = ["timeline", "--models", &name, "--json"];
    let path = json.to_str().expect("a plain path");
    run(&[&what[..], &[path], &plan[..], &["--record"][..]].concat(), &record);
    let recording = Recording::read(&record).expect("a recording");
    let text = std::fs::read_to_string(&json).expect("the file");
    let results: Results = serde_json::from_str(&text).expect("results");
    assert_eq!(recording.head.servers.len(), 1);
    for client in 1..=CLIENTS {
        let events: Vec<&Event> =
            recording.events.iter().filter(|it| it.client == Some(client)).collect();
        assert_lived(&events);
        for message in 1..=MESSAGES {
            let at = |figure: &str| {
                let place = [("client", client.into()), ("message", message.into())];
                results.sample(&place, figure).map(Sample::median)
            };
            let when = |what: &What| {
                let event = events.iter().find(|it| it.what == *what).expect("the event");
                Some(event.at as f64 / 1e6)
            };
            assert_eq!(at("sent"), when(&What::Asks { message }));
            assert_eq!(at("served from"), when(&What::Taken { message }));
            assert_eq!(at("answered"), when(&What::Answered { message }));
        }
    }
}

/// Whether a client came, was served and answered, and left, in that order.
fn assert_lived(events: &[&Event]) {
    let place = |what: &str, is_it: &dyn Fn(&What) -> bool| {
        let mut places =
            (0..).zip(events).filter(|(_, it)| is_it(&it.what)).map(|(place, _)| place);
        let first: usize = places.next().unwrap_or_else(|| panic!("{what}: {events:?}"));
        assert_eq!(places.next(), None, "{what} twice: {events:?}");
        first
    };
    let mut order = vec![
        place("comes", &|it| *it == What::Comes),
        place("served", &|it| matches!(it, What::Served { who } if !who.is_empty())),
    ];
    for message in 1..=MESSAGES {
        order.push(place("taken", &|it| *it == What::Taken { message }));
        order.push(place("answered", &|it| *it == What::Answered { message }));
        let asks = place("asks", &|it| *it == What::Asks { message });
        assert!(asks < order[order.len() - 2], "{events:?}");
    }
    let bye = |it: &What| matches!(it, What::Ended { why } if why == "the client said Bye");
    order.push(place("ended", &bye));
    assert!(order.is_sorted(), "{order:?}: {events:?}");
    assert!(events.is_sorted_by_key(|it| it.at), "{events:?}");
}

fn is_drawn_again() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let plan = ["timeline", "--models", "pool,event", "--compute", "10ms", "--record"];
    let picture = |text: String| {
        let (picture, _) = text.split_once("Played once").expect("how it was played");
        picture.to_owned()
    };
    let recorded = picture(run(&plan, file.path()));
    assert!(recorded.contains('@') || recorded.contains('+'), "nobody computes: {recorded}");
    let replayed = run(&["timeline", "--replay"], file.path());
    assert!(
        replayed.replace('\n', " ").contains("was recorded by `lab timeline --models pool,event")
    );
    assert_eq!(picture(replayed), recorded);
}

#[cfg(target_os = "linux")]
fn kernel_tells() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let start = format!("other={LAB} serve iterative --addr 127.0.0.1:{{port}} --delay {{delay}}s");
    let plan = ["timeline", "--models", "event", "--clients", "2", "--start", &start, "--record"];
    run(&plan, file.path());
    let recording = Recording::read(file.path()).expect("a recording");
    let when = |client: usize, is_it: fn(&What) -> bool| {
        let mut events = recording.of_server("other").filter(|it| it.client == Some(client));
        events.find(|it| is_it(&it.what)).map(|it| it.at)
    };
    // It serves one after the other.
    let accepted = when(2, |it| *it == What::Accepted).expect("the kernel's word");
    assert!(Some(accepted) > when(1, |it| matches!(it, What::Answered { message: 3 })));
    assert_eq!(when(2, |it| matches!(it, What::Taken { .. } | What::Served { .. })), None);
}

/// The most clients of a scene.
const MOST: usize = 8;

/// What became of the clients of one server in the end, each by its number.
fn ends(recording: &Recording, server: &str) -> Vec<What> {
    let of = |client: usize| {
        let mut events = recording.of_server(server).filter(|it| it.client == Some(client));
        events.next_back().map(|it| it.what.clone())
    };
    (1..=MOST).map_while(of).collect()
}

fn deaths() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    run(&["crash", "--quick", "--models", "fork,thread", "--record"], file.path());
    let recording = Recording::read(file.path()).expect("a recording");
    for (server, dead) in [
        ("fork: handler panics", 1),
        ("fork: process aborts", 1),
        ("thread: handler panics", 1),
        ("thread: process aborts", 4),
    ] {
        let ends = ends(&recording, server);
        let died = ends.iter().take_while(|it| matches!(it, What::Died { .. })).count();
        assert_eq!((died, ends.len()), (dead, 5), "{server}: {ends:?}");
        match dead {
            // On a busy machine it may have come before the end.
            4 => assert!(matches!(ends[4], What::Refused | What::Died { .. }), "{ends:?}"),
            _ => assert!(ends[1..].iter().all(|it| matches!(it, What::Ended { .. })), "{ends:?}"),
        }
    }
}

fn siege() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    run(&["siege", "--quick", "--models", "pool", "--record"], file.path());
    let recording = Recording::read(file.path()).expect("a recording");
    let when = |server: &str, slow: bool, is_it: fn(&What) -> bool| {
        let of_kind = |it: &&Event| it.client.is_some_and(|client| (client <= 4) == slow);
        let events = recording.of_server(server).filter(of_kind);
        events.filter(|it| is_it(&it.what)).map(|it| it.at).collect::<Vec<u64>>()
    };
    // Nobody else is served before the slow ones give up, or before the time-out.
    for (server, earliest) in
        [("pool --message-timeout 1h", 850_000), ("pool --message-timeout 300ms", 250_000)]
    {
        let ended = when(server, true, |it| matches!(it, What::Ended { .. }));
        let served = when(server, false, |it| matches!(it, What::Served { .. }));
        assert_eq!((ended.len(), served.len()), (4, 4), "{recording:?}");
        assert!(served.iter().all(|at| *at > earliest), "{server}: {served:?}");
    }
    let is_late =
        |it: &&Event| matches!(&it.what, What::Ended { why } if why.contains("not whole"));
    for (server, count) in [("pool --message-timeout 300ms", 4), ("pool --message-timeout 1h", 0)] {
        assert_eq!(recording.of_server(server).filter(is_late).count(), count, "{recording:?}");
    }
}

fn clients_are_traced() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    run(
        &["timeline", "--quick", "--models", "fork,pool", "--compute", "5ms", "--trace"],
        file.path(),
    );
    let events = traced(file.path());
    let phases: BTreeSet<&str> = events.iter().filter_map(|it| it["ph"].as_str()).collect();
    assert_eq!(phases, BTreeSet::from(["M", "X", "f", "i", "s", "t"]));
    let names: BTreeSet<&str> =
        events.iter().filter_map(|it| it["args"]["name"].as_str()).collect();
    for name in ["pool: clients", "client 8", "client 8 waits", "worker 1"] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    // A process for each connection.
    assert_eq!(names.iter().filter(|it| it.starts_with("process ")).count(), 8, "{names:?}");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn calls_are_traced() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    run(&["anatomy", "--quick", "--models", "thread", "--trace"], file.path());
    let events = traced(file.path());
    let calls: BTreeSet<&str> = events.iter().filter_map(|it| it["name"].as_str()).collect();
    for call in ["accept4", "clone3", "recvfrom", "sendto", "close"] {
        assert!(calls.contains(call), "{call}: {calls:?}");
    }
}

/// The events of a trace, each of which has what Google's *Trace Event Format* asks for, in tracks that have names and
/// whose slices do not cross.
fn traced(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("the file");
    let trace: Value = serde_json::from_str(&text).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events").clone();
    let mut tracks: BTreeMap<(i64, i64), Vec<(f64, f64)>> = BTreeMap::new();
    let mut named = BTreeSet::new();
    let mut flows: BTreeMap<u64, Vec<(String, f64)>> = BTreeMap::new();
    for event in &events {
        let number =
            |field: &str| event[field].as_f64().unwrap_or_else(|| panic!("{field}: {event}"));
        let whole =
            |field: &str| event[field].as_i64().unwrap_or_else(|| panic!("{field}: {event}"));
        let track = (whole("pid"), whole("tid"));
        assert!(event["name"].is_string(), "{event}");
        match event["ph"].as_str().expect("a phase") {
            "M" => {
                assert!(event["args"]["name"].is_string(), "{event}");
                named.insert((event["name"].as_str().map(str::to_owned), track));
            }
            "X" => {
                assert!(number("dur") >= 0.0 && event["cat"].is_string(), "{event}");
                tracks.entry(track).or_default().push((number("ts"), number("ts") + number("dur")));
            }
            "i" => {
                assert!(number("ts") >= 0.0 && event["s"] == "t", "{event}");
                tracks.entry(track).or_default();
            }
            phase @ ("s" | "t" | "f") => {
                assert!(phase != "f" || event["bp"] == "e", "{event}");
                let id = event["id"].as_u64().expect("an identity");
                flows.entry(id).or_default().push((phase.to_owned(), number("ts")));
            }
            other => panic!("{other}: {event}"),
        }
    }
    for (track, mut slices) in tracks {
        assert!(named.contains(&(Some("thread_name".to_owned()), track)), "{track:?}");
        assert!(named.contains(&(Some("process_name".to_owned()), (track.0, 0))), "{track:?}");
        assert_nest(&mut slices);
    }
    for flow in flows.values() {
        let phases: Vec<&str> = flow.iter().map(|(phase, _)| phase.as_str()).collect();
        assert_eq!(phases, ["s", "t", "f"]);
        assert!(flow.is_sorted_by_key(|(_, at)| *at), "{flow:?}");
    }
    events
}

/// Whether each two slices of a track are apart, or one lies within the other.
fn assert_nest(slices: &mut [(f64, f64)]) {
    slices.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.total_cmp(&one.1)));
    let mut open: Vec<f64> = Vec::new();
    for &(from, to) in &*slices {
        while open.last().is_some_and(|end| *end <= from) {
            open.pop();
        }
        assert!(open.last().is_none_or(|end| to <= *end), "{from}..{to} crosses: {slices:?}");
        open.push(to);
    }
}
