//! The lab as its user meets it.

use std::io::{BufRead, BufReader, Seek, Write};
use std::process::{Command, Stdio};

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
    let record = std::fs::read_to_string(path).expect("the file");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let build = if is_debug { "debug" } else { "release" };
    assert_eq!(record["machine"]["build"], build, "{record}");
    for server in ["thread", "pool", "floor"] {
        let figures = record["servers"][server].as_object().expect("figures");
        assert_eq!(figures.len(), 18, "{figures:?}");
        let rate = figures["connections_per_second_many_clients"]["median"].as_f64();
        assert!(rate > Some(0.0), "{server}: {rate:?}");
    }
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
    let output = lab(&["diff", &scale, &scale]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("thread, 2 clients") && text.contains("1.00"), "{text}");
    // A busy machine may have had too few messages for a p99: one figure less.
    let differ = [9, 10].map(|count| format!("0 of {count} figures with several rounds differ"));
    assert!(differ.iter().any(|line| text.contains(line)), "{text}");
    let refused = one_line(lab(&["diff", &scale, &other]), 1);
    assert!(refused.contains("cannot be compared") && refused.contains("overload"), "{refused}");
    let newer = directory.path().join("newer.json");
    let text = std::fs::read_to_string(&scale).expect("a file");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    std::fs::write(&newer, text.replace(&version, "\"version\": \"99.0.0\"")).expect("a file");
    let refused = one_line(lab(&["diff", &scale, newer.to_str().expect("a plain path")]), 1);
    assert!(refused.contains("99.0.0"), "{refused}");
}

fn minds_limits() {
    let limited = |arguments: &[&str]| under_limit("--nofile=64", &lab(arguments));
    let line = one_line(limited(&["--quick"]), 1);
    assert!(line.contains("500 connections at a time") && line.contains("ulimit -n 540"), "{line}");
    let small = ["scale", "--quick", "--models", "thread", "--clients", "2,100"];
    let output = limited(&small).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text").replace('\n', " ");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("thread: not measured with 100 clients or more"), "{text}");
}

/// A small run of each experiment, what its conclusion says (`#` is a number), and where its JSON has a
/// model's name.
const EXPERIMENTS: &[(&[&str], &str, &str)] = &[
    (
        &["scale", "--clients", "1,4", "--models", "thread,pool"],
        "thread: a connection costs # of CPU and # context switches with 1 client, # and # with 4 \
         clients; its best rate was # connections a second, with ",
        "/figures/0/model",
    ),
    (
        &["memory", "--connections", "20,40", "--ballast", "0MiB,4MiB", "--models", "fork,async"],
        "fork: each further connection holds # KiB",
        "/idle_connections/0/model",
    ),
    (
        &["timeline", "--clients", "3", "--messages", "1", "--models", "iterative,fork"],
        "iterative: 3 clients with # s of waiting each were done after # s; on average a client waited # \
         s for its turns.",
        "/panels/0/model",
    ),
    (
        &["overload", "--rates", "20,200", "--duration", "1s", "--models", "iterative"],
        "iterative fell behind at 200 a second: it answered #, and ",
        "/figures/0/model",
    ),
    (
        &["timeline", "--compute", "5ms", "--clients", "2", "--messages", "2", "--models", "async"],
        "async --offload: 2 clients with # s of computing each were done after # s; on average a client \
         waited # s for its turns; on average the server computed for # client",
        "/panels/2/model",
    ),
    (
        &["work", "--shares", "0,100", "--clients", "8", "--models", "iterative,event"],
        "0 % computing: event leads with # messages a second",
        "/curves/1/name",
    ),
    (
        &["siege", "--attackers", "10,20", "--models", "iterative,event"],
        "event: it withstands 20 of them: the last ordinary client waits #",
        "/sieges/1/model",
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
    for (arguments, conclusion, pointer) in EXPERIMENTS {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let path = file.path().to_str().expect("a plain path");
        let mut command = lab(arguments);
        let output = command.args(["--quick", "--json", path]).output().expect("the lab");
        let text = String::from_utf8(output.stdout).expect("text");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}\n{errors}");
        let unwrapped = text.replace('\n', " ");
        assert!(says(&unwrapped, conclusion), "{conclusion:?} is missing in {text}");
        assert!(!unwrapped.contains("NaN") && !unwrapped.contains(" inf"), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{arguments:?}");
        let record = std::fs::read_to_string(path).expect("the file");
        let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
        let model = record.pointer(pointer).and_then(|name| name.as_str());
        assert!(model.is_some_and(|model| text.contains(model)), "{arguments:?}: {record}");
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
