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
        Trial::test("lab: a limit that is short is named, and makes a run smaller", || {
            minds_limits();
            Ok(())
        }),
        Trial::test("lab: the doctor names what is bad, and how it is fixed", || {
            examines();
            Ok(())
        }),
        Trial::test("lab: a run goes on with the build that it began with", || {
            keeps_its_build();
            Ok(())
        }),
        Trial::test("lab: a loopback interface that is down is named", || {
            names_the_loopback();
            Ok(())
        })
        .with_ignored_flag(!has_networks_of_its_own()),
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
    assert!(!text.contains("takes on"), "what a model takes on is no limit of the machine: {text}");
    assert!(text.contains("to fix it: end the program that has it"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// In the middle of the run another build takes the name of the program.
fn keeps_its_build() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("lab");
    std::fs::hard_link(LAB, &program)
        .or_else(|_| std::fs::copy(LAB, &program).map(drop))
        .expect("a copy");
    let mut command = Command::new(&program);
    command.args(["scale", "--quick", "--clients", "1,2", "--models", any().model.name]);
    let mut lab = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the lab");
    let process = Pid::from_raw(lab.id().cast_signed());
    wait_until("it has started a server", || !inside::children_of(process).is_empty());
    let newer = directory.path().join("newer");
    std::fs::write(&newer, "not a program").expect("a file");
    std::fs::rename(&newer, &program).expect("another build");
    let goes_on = lab.try_wait().expect("the lab").is_none();
    let output = lab.wait_with_output().expect("its end");
    assert!(goes_on && output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether a command may be given a network of its own, in which loopback is down.
fn has_networks_of_its_own() -> bool {
    without_loopback(&["true"]).status().is_ok_and(|status| status.success())
}

fn without_loopback(words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--"]).args(words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn names_the_loopback() {
    let line = one_line(without_loopback(&[LAB, "--quick"]), 1);
    assert!(line.contains("127.0.0.1") && line.contains("ip link set lo up"), "{line}");
    let mut doctor = without_loopback(&[LAB, "doctor"]);
    let output = doctor.stdout(Stdio::piped()).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("BAD  loopback"), "{text}");
}

/// A mistake, the status that it gets, and what the one line says about it.
const MISTAKES: &[(&[&str], i32, &str)] = &[
    (&["--models", "fork,threads"], 2, "did you mean `thread`?"),
    (&["--models", ""], 2, "--models"),
    (&["--models", "floor"], 2, "possible values: iterative, "),
    (&["--models", "event --worker 2"], 1, "options of its own: --max-connections, --workers"),
    (&["--models", "event --workers none"], 1, "\"event\" cannot take \"--workers none\""),
    (&["--models", "fork --delay 1s"], 1, "unexpected argument '--delay'"),
    (&["--models", "pool-bare --max-wait 1s"], 1, "a bare server knows --workers only"),
    (&["--models", "event --workers 2,event  --workers 2"], 1, "is named twice"),
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
    (&["timeline", "--record", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["timeline", "--trace", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["timeline", "--replay", "/nowhere/file"], 1, "cannot read /nowhere/file"),
    (&["timeline", "--replay", "Cargo.toml"], 1, "Cargo.toml is no recording of the lab"),
    (
        &["timeline", "--replay", "book/src/figures/anatomy-thread.jsonl"],
        1,
        "is a recording of anatomy, and no timeline",
    ),
    (&["timeline", "--replay", "x", "--record", "y"], 2, "--record"),
    (&["timeline", "--replay", "x", "--clients", "2"], 2, "--clients"),
    (&["anatomy", "--trace", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    (&["work", "--shares", "101"], 2, "--shares"),
    (&["cores", "--cpus", "1024"], 1, "--cpus 1024: this process may use"),
    (
        &["cores", "--models", "fork-bare"],
        1,
        "fork-bare is a bare server and does not know --compute",
    ),
    (
        &["work", "--models", "thread-bare"],
        1,
        "thread-bare is a bare server and does not know --compute",
    ),
    (&["siege", "--models", "thread-bare"], 1, "bare server and does not know --message-timeout"),
    (&["siege", "--attackers", "5001"], 2, "--attackers"),
    (&["siege", "--addr", "127.0.0.1:1"], 2, "--addr"),
    (&["timeline", "--workers", "0"], 2, "--workers"),
    (&["timeline", "--svg", "/dev/null/here"], 1, "cannot make /dev/null/here"),
    (&["timeline", "--svg", "/proc"], 1, "cannot write /proc/1.svg"),
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

pub(crate) fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments);
    command
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

fn minds_limits() {
    let limited = |arguments: &[&str]| under_limit("--nofile=64", &lab(arguments));
    let line = one_line(limited(&["--quick"]), 1);
    assert!(line.contains("50 connections at a time") && line.contains("ulimit -n 90"), "{line}");
    let fewer = under_limit("--nofile=200", &lab(&["--quick", "--models", "event"])).output();
    let text = String::from_utf8(fewer.expect("the lab").stdout).expect("text").replace('\n', " ");
    let left_out = "event: not measured with 500 idle connections: they need 540 open files";
    assert!(text.contains(left_out), "{text}");
    let small = ["scale", "--quick", "--models", "thread", "--clients", "2,100"];
    let output = limited(&small).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text").replace('\n', " ");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("thread: not measured with 100 clients: they need "), "{text}");
}

fn draws_a_timeline() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("slides");
    let path = path.to_str().expect("a plain path");
    let mut command = lab(&["timeline", "--clients", "2", "--messages", "2", "--svg", path]);
    let output = command.args(["--delay", "20ms", "--models", "thread,pool"]).output();
    assert!(output.expect("the lab").status.success());
    let svg = std::fs::read_to_string(format!("{path}/timeline-1.svg")).expect("the picture");
    // A bar a message, two clients a model, and one in the legend.
    assert_eq!(svg.matches("<rect ").count(), 2 * 2 * 2 + 1, "{svg}");
    for part in ["<title>", "<desc>thread: 2 clients", "prefers-color-scheme", ">pool</tspan>"] {
        assert!(svg.contains(part), "{part:?} is missing in {svg}");
    }
}

fn draws_computing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("slides");
    let path = path.to_str().expect("a plain path");
    let mut command = lab(&["timeline", "--clients", "2", "--messages", "2", "--svg", path]);
    let output = command.args(["--compute", "20ms", "--models", "thread,async"]).output();
    assert!(output.expect("the lab").status.success());
    let svg = std::fs::read_to_string(format!("{path}/timeline-1.svg")).expect("the picture");
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
