//! The lab as its user meets it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lab::results::sample::Sample;
use lab::results::{Results, Row, SCHEMA};
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command_line::one_line;
use crate::exhaustion::under_limit;
use crate::support::{LAB, any, inside, wait_until};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("lab: compares two models and writes what it found", || {
            compares_two_models();
            Ok(())
        }),
        Trial::test(
            "lab: each experiment prints 80 columns, a conclusion, and its figures",
            || {
                experiments_run();
                Ok(())
            },
        ),
        Trial::test("lab: the timeline is drawn as SVG that stands alone", || {
            draws_a_timeline();
            Ok(())
        }),
        Trial::test("lab: computing is drawn beside waiting, for a server and its cures", || {
            draws_computing();
            Ok(())
        }),
        Trial::test(
            "lab: a slow client is enough for an iterative server, and ten are not for tasks",
            || {
                falls_to_a_siege();
                Ok(())
            },
        ),
        Trial::test(
            "lab: attackers come to this machine alone, and end with whoever sent them",
            || {
                attackers_are_bound();
                Ok(())
            },
        ),
        Trial::test("lab: an interrupted report leaves what was there, and says one line", || {
            is_interrupted();
            Ok(())
        }),
        Trial::test("lab: two results are compared, and others refused", || {
            compares_results();
            Ok(())
        }),
        Trial::test("lab: a limit that is short is named, and makes a run smaller", || {
            minds_limits();
            Ok(())
        }),
        Trial::test("lab: the doctor names what is bad, and how it is mended", || {
            examines();
            Ok(())
        }),
        Trial::test("lab: a mistake is one clear line and a status", || {
            answers_mistakes();
            Ok(())
        }),
    ]
}

/// With a port that is taken, and few descriptors.
fn examines() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 500; exec "$0" doctor --addr "$1""#, LAB, &address]);
    let output = command.output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = |begin: &str| text.lines().any(|line| line.starts_with(begin));
    assert!(line(&format!("{:<21}{address}: Address already in use", "BAD  port")), "{text}");
    assert!(line(&format!("{:<21}500 a process", "BAD  open files")), "{text}");
    assert!(text.contains("to mend it: end the program that has it"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// A mistake, the status that it gets, and what the one line says about it.
const MISTAKES: &[(&[&str], i32, &str)] = &[
    (&["--models", "fork,threads"], 2, "did you mean `thread`?"),
    (&["--models", ""], 2, "--models"),
    (&["--models", "floor"], 2, "possible values: iterative, "),
    (&["thread"], 2, "did you mean `--models thread`?"),
    (&["scale", "fork-bare"], 2, "did you mean `--models fork-bare`?"),
    (&["identify", "127.0.0.1:1"], 2, "did you mean `--addr 127.0.0.1:1`?"),
    (&["identify", "localhost", "1"], 2, "did you mean `--addr localhost:1`?"),
    (&["identify", "--addr", "127.0.0.1:1"], 1, "no server at 127.0.0.1:1; start one"),
    (&["--json", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["--slow"], 2, "--slow"),
    (&["nonsense"], 2, "nonsense"),
    (&["timelin"], 2, "did you mean `timeline`? (`lab --help`"),
    (&["--modles", "fork"], 2, "did you mean `--models`? (`lab --help`"),
    (&["scale", "--client", "3"], 2, "did you mean `--clients`? (`lab scale --help`"),
    (&["bench-table", "--quick"], 2, "--quick"),
    (&["bench-table", "--json", "x"], 2, "--json"),
    (&["check", "--models", "x"], 2, "--models"),
    (&["check", "--quick"], 2, "--quick"),
    (&["diff", "/nowhere/a", "/nowhere/b"], 1, "cannot read /nowhere/a"),
    (&["diff", "Cargo.toml", "Cargo.toml"], 1, "Cargo.toml is not a result of the lab"),
    (&["serve", "threads"], 1, "no model \"threads\""),
    (&["scale", "--clients", "0"], 2, "--clients"),
    (&["scale", "--clients", "1,many"], 2, "--clients"),
    (&["memory", "--connections", "0"], 2, "--connections"),
    (&["memory", "--stack-size", "1"], 2, "--stack-size"),
    (&["memory", "--ballast", "1GiB"], 2, "such as 256MiB"),
    (&["timeline", "--clients", "101"], 2, "--clients"),
    (&["timeline", "--messages", "0"], 2, "--messages"),
    (&["timeline", "--delay", "0s"], 2, "--delay"),
    (&["timeline", "--compute", "0s"], 2, "--compute"),
    (&["timeline", "--compute", "1s", "--delay", "1s"], 2, "--delay"),
    (&["work", "--shares", "101"], 2, "--shares"),
    (
        &["work", "--models", "thread-bare"],
        1,
        "thread-bare is a bare server and does not know --compute",
    ),
    (&["siege", "--models", "thread-bare"], 1, "bare server and does not know --message-timeout"),
    (&["siege", "--attackers", "5001"], 2, "--attackers"),
    (&["siege", "--addr", "127.0.0.1:1"], 2, "--addr"),
    (&["timeline", "--workers", "0"], 2, "--workers"),
    (&["timeline", "--svg", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["overload", "--rates", "0"], 2, "--rates"),
    (&["overload", "--duration", "2"], 2, "--duration"),
    (&["report", "--out", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["report", "--book-directory", "x"], 2, "--book"),
    (&["report", "--only", "everything"], 2, "timeline-compute"),
    (&["crash", "--models", "x"], 2, "possible values"),
    (&["check", "--addr", "nowhere"], 2, "--addr"),
    (&["check", "--addr", "127.0.0.1:1"], 1, "no server at 127.0.0.1:1"),
    (&["check", "--only", "everything"], 1, "\"everything\" is no group (echo, bye,"),
    (&["check", "--start", "python3 server.py"], 2, "expected {port}"),
    (&["check", "--start", "cat /nowhere/{port}"], 1, "No such file"),
    (&["check", "--rubric", "/nowhere/file"], 1, "cannot read /nowhere/file"),
    (&["check", "--junit", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["identify", "--at-most", "1"], 2, "--at-most"),
    (&["--server", "thread=127.0.0.1:1"], 2, "\"thread\" is one of ours"),
    (&["--server", "x=192.0.2.1:1"], 2, "only a server on this machine gets a load"),
    (&["--start", "x=server"], 2, "expected {port}"),
    (&["--pid", "x=1"], 1, "--pid x: no --server has this name"),
    (&["work", "--server", "x=127.0.0.1:1"], 2, "--server"),
    (&["check", "--framing", "json"], 2, "--framing"),
    (&["check", "--max-message", "1"], 2, "--max-message"),
    (&["check", "--timeout", "0s"], 2, "--timeout"),
    (&["check", "--jobs", "2"], 2, "--start"),
    (&["check", "--jobs", "0", "--start", "server {port}"], 2, "--jobs"),
];

fn answers_mistakes() {
    for (arguments, status, says) in MISTAKES {
        let line = one_line(lab(arguments), *status);
        assert!(line.starts_with("lab: ") && line.contains(says), "{arguments:?}: {line}");
    }
    no_figures();
}

fn no_figures() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut command = lab(&["bench-table"]);
    command.env("CRITERION_HOME", directory.path());
    let line = one_line(command, 1);
    assert!(line.contains("no figures yet: cargo bench --bench connection"), "{line}");
}

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments);
    command
}

fn compares_two_models() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a plain path");
    let output = lab(&["--quick", "--models", "thread,pool", "--json", path]).output();
    let output = output.expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("thread") && text.contains("pool") && text.contains("floor"), "{text}");
    // The lab is built as this test is.
    let is_debug = cfg!(debug_assertions);
    assert_eq!(text.lines().next().is_some_and(|it| it.starts_with("Debug build: ")), is_debug);
    let results = results(path);
    let build = if is_debug { "debug" } else { "release" };
    assert_eq!(results.facts["machine"]["build"], build, "{results:?}");
    for server in ["thread", "pool", "floor"] {
        let of_it = |row: &&Row| row.at.get("server") == Some(&server.into());
        // A busy machine may have had too few answers for a p99.
        let figures = results.rows.iter().filter(of_it).count();
        assert!((16..=18).contains(&figures), "{server}: {figures}: {results:?}");
        let place = [("server", server.into()), ("load", "32 clients".into())];
        let rate = results.sample(&place, "connections").map(Sample::median);
        assert!(rate > Some(0.0), "{server}: {rate:?}");
    }
}

/// What `--json` wrote.
fn results(path: &str) -> Results {
    let text = std::fs::read_to_string(path).expect("the file");
    serde_json::from_str(&text).expect("results")
}

fn is_interrupted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let files = ["old.json", "old.html"].map(|name| directory.path().join(name));
    files.iter().for_each(|file| std::fs::write(file, "old").expect("a file"));
    let mut command = lab(&["report", "--quick", "--json"]);
    command.arg(&files[0]).arg("--out").arg(&files[1]).stdout(Stdio::null()).stderr(Stdio::piped());
    let lab = command.spawn().expect("the lab");
    let pid = Pid::from_raw(lab.id().cast_signed());
    wait_until("it has started a server", || !inside::children_of(pid).is_empty());
    kill(pid, Signal::SIGINT).expect("a running lab");
    let output = lab.wait_with_output().expect("its end");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(130), "{said}");
    let lines = said.lines().filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines, ["lab: interrupted: what was measured so far is not written"]);
    assert!(files.iter().all(|file| std::fs::read_to_string(file).expect("a file") == "old"));
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 2);
}

fn compares_results() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let measure = |name: &str, arguments: &[&str]| {
        let file = directory.path().join(name).to_str().expect("a plain path").to_owned();
        let output = lab(&[arguments, &["--quick", "--json", &file]].concat()).output();
        assert!(output.expect("the lab").status.success());
        file
    };
    let scale = measure("a.json", &["scale", "--clients", "2", "--models", "thread"]);
    let other = measure("b.json", &["overload", "--rates", "20", "--duration", "1s"]);
    let more = measure("c.json", &["scale", "--clients", "2", "--models", "thread"]);
    let output = lab(&["diff", &scale, &more, &scale]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    let heading = text.lines().find(|line| line.contains(" A ") || line.contains("  A"));
    assert!(heading.is_some_and(|line| line.trim_end().ends_with('C')), "{text}");
    assert!(text.contains("thread, 2 clients, connections"), "{text}");
    let refused = one_line(lab(&["diff", &scale, &other]), 1);
    assert!(refused.contains("cannot be compared") && refused.contains("overload"), "{refused}");
    let newer = directory.path().join("newer.json");
    let text = std::fs::read_to_string(&scale).expect("a file");
    let schema = format!("\"schema\": {SCHEMA}");
    assert!(text.contains(&schema), "{text}");
    std::fs::write(&newer, text.replace(&schema, "\"schema\": 99")).expect("a file");
    let refused = one_line(lab(&["diff", &scale, newer.to_str().expect("a plain path")]), 1);
    assert!(refused.contains("schema 99") && refused.contains("measure again"), "{refused}");
}

/// A result is the same as itself, whatever it is of.
fn differs_nowhere_from_itself(file: &str) {
    let output = lab(&["diff", file, file]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    let unwrapped = text.replace('\n', " ");
    let is_same = unwrapped.contains("0 of ") || unwrapped.contains("None of ");
    assert!(is_same && !text.contains(" differs\n"), "{text}");
    assert!(!unwrapped.contains("in one of them only") && !text.contains("NaN"), "{text}");
    for line in text.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if let [.., a, b, _, "overlaps"] | [.., a, b, _, "too", "few"] = cells.as_slice() {
            assert_eq!(a, b, "{line}");
        }
    }
}

/// Each round of each figure is a line, and all lines have the same columns.
fn is_table(csv: &Path, results: &Results) {
    let text = std::fs::read_to_string(csv).expect("the file");
    let lines: Vec<&str> = text.lines().collect();
    let rounds: usize = results.rows.iter().map(|row| row.rounds.count()).sum();
    assert_eq!(lines.len(), 1 + rounds, "{text}");
    let heading = lines[0];
    assert!(heading.contains(",server,") && heading.ends_with(",figure,unit,round,value"));
    let plain = lines.iter().filter(|line| !line.contains('"'));
    let columns: BTreeSet<usize> = plain.map(|line| line.split(',').count()).collect();
    assert_eq!(columns.len(), 1, "{text}");
}

fn minds_limits() {
    let limited = |arguments: &[&str]| under_limit("--nofile=64", &lab(arguments));
    let line = one_line(limited(&["--quick"]), 1);
    assert!(line.contains("50 connections at a time") && line.contains("ulimit -n 90"), "{line}");
    let fewer = under_limit("--nofile=200", &lab(&["--quick", "--models", "event"])).output();
    let text = String::from_utf8(fewer.expect("the lab").stdout).expect("text").replace('\n', " ");
    let left_out = "event: 500 idle connections were not measured: they need 540 open files";
    assert!(text.contains(left_out), "{text}");
    let small = ["scale", "--quick", "--models", "thread", "--clients", "2,100"];
    let output = limited(&small).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text").replace('\n', " ");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("thread: not measured with 100 clients or more"), "{text}");
}

/// A small run of each experiment, what its conclusion says (`#` is a number), and a server in its results.
const EXPERIMENTS: &[(&[&str], &str, &str)] = &[
    (
        &["scale", "--clients", "1,4", "--models", "thread,pool"],
        "thread: a connection costs # of CPU and # context switches with 1 client, # and # with 4 \
         clients; its best rate was # connections a second, with ",
        "thread",
    ),
    (
        &["memory", "--connections", "20,40", "--ballast", "0MiB,4MiB", "--models", "fork,async"],
        "fork: each further connection holds # KiB",
        "fork",
    ),
    (
        &["timeline", "--clients", "3", "--messages", "1", "--models", "iterative,fork"],
        "iterative: 3 clients with # s of waiting each were done after # s; on average a client waited # \
         s for its turns.",
        "iterative",
    ),
    (
        &["overload", "--rates", "20,200", "--duration", "1s", "--models", "iterative"],
        "iterative fell behind at 200 a second: it answered #, and ",
        "iterative",
    ),
    (
        &["timeline", "--compute", "5ms", "--clients", "2", "--messages", "2", "--models", "async"],
        "async --offload: 2 clients with # s of computing each were done after # s; on average a client \
         waited # s for its turns; on average the server computed for # client",
        "async --offload",
    ),
    (
        &["work", "--shares", "0,100", "--clients", "8", "--models", "iterative,event"],
        "0 % computing: event leads with # messages a second",
        "event",
    ),
    (&["crash", "--models", "pool"], "noticed each end within #; one that", "pool"),
    (
        &["anatomy", "--models", "prefork"],
        "Page faults of a connection with 32 clients at once: # under prefork",
        "prefork",
    ),
    (
        &["report", "--models", "event", "--only", "scale,work", "--out", "/dev/null"],
        "/dev/null",
        "event",
    ),
    (
        &["siege", "--attackers", "10,20", "--models", "iterative,event"],
        "event: it withstands 20 of them: the last ordinary client waits #",
        "event",
    ),
];

/// Whether a text has this in it, with a number for each `#`.
fn says(text: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('#').collect();
    let goes_on = |text: &str| {
        let begin = Some(text);
        parts[1..]
            .iter()
            .fold(begin, |rest, part| behind_number(rest?)?.strip_prefix(part))
            .is_some()
    };
    text.match_indices(parts[0]).any(|(place, found)| goes_on(&text[place + found.len()..]))
}

/// What stands behind a number and the unit of a time.
fn behind_number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
    let is_number = text[..text.len() - rest.len()].parse::<f64>().is_ok();
    let rest = rest.strip_prefix(['k', 'M']).unwrap_or(rest);
    let unit = [" µs", " ms"].into_iter().find_map(|unit| rest.strip_prefix(unit));
    is_number.then(|| unit.unwrap_or(rest))
}

/// The tests' own: a number must be one.
fn reads_numbers() {
    let says = |text: &str| says(text, "holds # and # of CPU");
    assert!(says("it holds 1.5k and 27.4 µs of CPU"));
    for wrong in ["holds NaN and 1 of CPU", "holds - and 1 of CPU", "holds 1 and inf of CPU"] {
        assert!(!says(wrong), "{wrong}");
    }
}

fn experiments_run() {
    reads_numbers();
    for (arguments, conclusion, server) in EXPERIMENTS {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let path = file.path().to_str().expect("a plain path");
        let mut command = lab(arguments);
        let csv = tempfile::NamedTempFile::new().expect("a temporary file");
        command.args(["--quick", "--json", path, "--csv"]).arg(csv.path());
        let output = command.output().expect("the lab");
        let text = String::from_utf8(output.stdout).expect("text");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}\n{errors}");
        let unwrapped = text.replace('\n', " ");
        assert!(says(&unwrapped, conclusion), "{conclusion:?} is missing in {text}");
        assert!(!unwrapped.contains("NaN") && !unwrapped.contains(" inf"), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{arguments:?}");
        let results = results(path);
        let is_of_it = |row: &Row| row.at.get("server") == Some(&(*server).into());
        assert!(results.rows.iter().any(is_of_it), "{arguments:?}: {results:?}");
        is_table(csv.path(), &results);
        differs_nowhere_from_itself(path);
    }
}

fn draws_a_timeline() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a plain path");
    let mut command = lab(&["timeline", "--clients", "2", "--messages", "2", "--svg", path]);
    let output = command.args(["--delay", "20ms", "--models", "thread,pool"]).output();
    assert!(output.expect("the lab").status.success());
    let svg = std::fs::read_to_string(path).expect("the picture");
    // A bar a message, two clients a model, and one in the legend.
    assert_eq!(svg.matches("<rect ").count(), 2 * 2 * 2 + 1, "{svg}");
    for part in ["<title>", "<desc>thread: 2 clients", "prefers-color-scheme", ">pool</tspan>"] {
        assert!(svg.contains(part), "{part:?} is missing in {svg}");
    }
}

fn draws_computing() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a plain path");
    let mut command = lab(&["timeline", "--clients", "2", "--messages", "2", "--svg", path]);
    let output = command.args(["--compute", "20ms", "--models", "thread,async"]).output();
    assert!(output.expect("the lab").status.success());
    let svg = std::fs::read_to_string(path).expect("the picture");
    // Four bars, one of them in the other, for each of two clients of four servers; two in the legend.
    assert_eq!(svg.matches("<rect ").count(), 4 * 2 * 2 * 2 + 2, "{svg}");
    for part in [">async --workers 2</tspan>", ">async --offload</tspan>", "computed for"] {
        assert!(svg.contains(part), "{part:?} is missing in {svg}");
    }
}

/// Whatever the machine: a place that is held is held. The defence gives it back.
fn falls_to_a_siege() {
    let mut command = lab(&["siege", "--attackers", "1,10", "--models", "iterative,pool,async"]);
    let output = command.args(["--message-timeout", "300ms"]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text").replace('\n', " ");
    let errors = String::from_utf8_lossy(&output.stderr);
    for fate in [
        "iterative: 1 of them stop it:",
        "async: it withstands 10 of them:",
        "with --message-timeout 300ms it withstands 10 of them:",
    ] {
        assert!(text.contains(fate), "{fate:?} is missing in {text}\n{errors}");
    }
}

/// There is no address to be given: a port of this machine comes by the input, and its end ends them.
fn attackers_are_bound() {
    let line = one_line(lab(&["party", "attackers", "1", "1", "--addr", "192.0.2.1:1"]), 2);
    assert!(line.contains("--addr"), "{line}");
    let mut command = lab(&["party", "attackers", "1", "1"]);
    command.stdin(Stdio::null());
    let line = one_line(command, 1);
    assert!(line.contains("standard input names no port"), "{line}");
    let line = one_line(lab(&["party", "attackers", "5001", "1"]), 2);
    assert!(line.contains("5001"), "{line}");
    if cfg!(target_os = "linux") {
        refuse_a_stranger();
    }
    let server = any().start(&[]);
    let mut command = lab(&["party", "attackers", "3", "3"]);
    let mut party = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the lab");
    let mut input = party.stdin.take().expect("a pipe");
    writeln!(input, "{}", server.address().port()).expect("an attacker");
    let mut line = String::new();
    let output = party.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    wait_until("each was answered", || server.logged("answered") == 3);
    drop(input);
    wait_until("they have gone", || party.try_wait().expect("a child").is_some());
    wait_until("all of them", || server.logged("closed:") == 3);
}

/// A listener that the attackers' parent has not started, but is.
fn refuse_a_stranger() {
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = stranger.local_addr().expect("a port").port();
    let mut file = tempfile::tempfile().expect("a temporary file");
    writeln!(file, "{port}").and_then(|()| file.rewind()).expect("a file");
    let mut command = lab(&["party", "attackers", "3", "3"]);
    command.stdin(file);
    let line = one_line(command, 1);
    assert!(line.contains("whom this lab has started"), "{line}");
}
