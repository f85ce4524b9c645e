//! A server that is not ours beside the models: `--start` and `--server`.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use nix::unistd::Pid;
use serde_json::Value;

use crate::foreign::where_there_is_python;
use crate::support::{LAB, any, inside, wait_until};

/// A server that sends back what it reads, and knows no `Bye`.
const STARTER: &str =
    concat!("python3 '", env!("CARGO_MANIFEST_DIR"), "/homework/python/starter.py' {port}");

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("lab: {name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        where_there_is_python(trial("a server that it starts has its column", started)),
        trial("a server that runs has its column, and CPU time where its process is told", there),
        where_there_is_python(trial(
            "a server that forgets its children has no CPU time, and a word on why",
            forgets_children,
        )),
        trial("a server that hangs ends its own column alone, and says why", hangs),
        where_there_is_python(trial("a server that is not ours is in each of these", everywhere)),
        where_there_is_python(trial("a server that it started ends when it is killed", ends_along)),
        where_there_is_python(trial(
            "a server that it starts has its own limit of files",
            limit_of_files,
        )),
        trial(
            "a server that does not listen in time is given up, as soon as it is said",
            starts_late,
        ),
    ]
}

/// What an experiment prints and writes with another server beside a model.
fn run(experiment: &[&str], arguments: &[&str]) -> (String, Value) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut command = Command::new(LAB);
    command.args(experiment).args(["--quick", "--models", any().model.name]).args(arguments);
    let output = command.arg("--json").arg(file.path()).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let json = std::fs::read_to_string(file.path()).expect("the figures");
    (text, serde_json::from_str(&json).expect("JSON"))
}

fn rate_and_cpu(figures: &Value, name: &str) -> (bool, bool) {
    let has = |figure: &str| !rounds(figures, name, figure).is_empty();
    (has("messages"), has("server CPU per message"))
}

/// The rounds of a figure of a server, or nothing where it was not measured.
fn rounds(figures: &Value, server: &str, figure: &str) -> Vec<f64> {
    let rows = figures["rows"].as_array().expect("rows").iter();
    let mut own = rows.filter(|row| row["at"]["server"] == server && row["figure"] == figure);
    let rounds = own.next().and_then(|row| row["rounds"].as_array());
    rounds.into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn started() {
    let (text, figures) = run(&[], &["--start", &format!("mine={STARTER}")]);
    assert_eq!(rate_and_cpu(&figures, "mine"), (true, true), "{figures}");
    assert!(text.lines().any(|line| line.starts_with("mine ")), "{text}");
    // It serves one at a time, and the others wait.
    assert_eq!(rounds(&figures, "mine", "answered clients").first(), Some(&1.0), "{figures}");
}

fn there() {
    let server = any().start(&["--quiet"]);
    let (address, process) = (server.address(), server.process.process());
    let name = format!("there={address}");
    let (_, figures) = run(&[], &["--server", &name]);
    assert_eq!(rate_and_cpu(&figures, "there"), (true, false), "{figures}");
    let (_, figures) = run(&[], &["--server", &name, "--pid", &format!("there={process}")]);
    assert_eq!(rate_and_cpu(&figures, "there"), (true, true), "{figures}");
    assert_eq!(figures["failures"], Value::Array(Vec::new()), "{figures}");
    let mut wrong = Command::new(LAB);
    let output = wrong.args(["--server", &name, "--pid", "there=1"]).output().expect("the lab");
    let line = String::from_utf8(output.stderr).expect("text");
    assert!(line.contains("process 1 does not listen at") && !output.status.success(), "{line}");
    // What runs anyhow is left running.
    server.connect().exchange("still there\n");
}

/// What a parent ignores, its child does too.
fn forgets_children() {
    let ignore = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); \
        os.execvp('python3', ['python3'] + sys.argv[1:])";
    let forgetful = STARTER.replace("python3", &format!("python3 -c \"{ignore}\""));
    let (text, figures) =
        run(&["scale", "--clients", "2"], &["--start", &format!("mine={forgetful}")]);
    assert_eq!(rate_and_cpu(&figures, "mine"), (true, false), "{figures}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("CPU time: it ignores SIGCHLD"), "{text}");
}

fn hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let name = format!("mute={}", silent.local_addr().expect("its address"));
    let (text, figures) = run(&["scale", "--clients", "2"], &["--server", &name]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = "mute: not measured with any load: no answer to \"Bye\" in 5s.";
    assert!(words.contains(reason), "{text}");
    assert_eq!(figures["failures"][0]["server"], "mute", "{figures}");
    let has_rate = |server: &str| !rounds(&figures, server, "messages").is_empty();
    assert!(has_rate(any().model.name) && !has_rate("mute"), "{figures}");
}

fn everywhere() {
    let mine = format!("mine={STARTER} {{delay}}");
    for experiment in [
        &["scale", "--clients", "2"][..],
        &["timeline"],
        &["timeline", "--compute", "2ms"],
        &["memory", "--connections", "5", "--ballast", "0MiB"],
        &["overload", "--duration", "300ms", "--rates", "50"],
    ] {
        let (text, figures) = run(experiment, &["--start", &mine]);
        assert_eq!(figures["failures"], Value::Array(Vec::new()), "{experiment:?}: {figures}");
        assert!(text.contains("mine"), "{experiment:?}: {text}");
    }
}

/// The lab raises its own limit, and a server has what it would have without the lab.
fn limit_of_files() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().display();
    let start = format!("mine=sh -c \"ulimit -Sn >{path}; exec {STARTER}\" {{port}}");
    let start = start.replace("exec python3", "exec env X={port} python3");
    let mut command = Command::new("prlimit");
    command.args(["--nofile=777:4000", LAB, "scale", "--quick", "--clients", "1", "--start"]);
    command.args([&start, "--models", any().model.name]);
    let output = command.output().expect("the lab");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(std::fs::read_to_string(file.path()).expect("the limit"), "777\n", "{text}");
}

fn starts_late() {
    let late = ["--start", "late=sleep 60{port}", "--start-timeout", "100ms"];
    let (text, figures) = run(&["scale", "--clients", "1"], &late);
    assert_eq!(figures["failures"][0]["server"], "late", "{figures}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("it did not listen at 127.0.0.1:") && words.contains("within 100ms"),
        "{text}"
    );
}

/// Also a server that knows nothing of the lab: nothing is left on its port.
fn ends_along() {
    let mut command = Command::new(LAB);
    command.args(["scale", "--clients", "1", "--models", any().model.name, "--start"]);
    command.arg(format!("mine={STARTER}")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut lab = command.spawn().expect("the lab");
    let process = Pid::from_raw(lab.id().cast_signed());
    let is_python = |process: &Pid| {
        let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
        name.is_ok_and(|name| name.starts_with("python"))
    };
    let mut server = None;
    wait_until("it has started the server", || {
        server = inside::children_of(process).into_iter().find(is_python);
        server.is_some()
    });
    lab.kill().expect("a running lab");
    lab.wait().expect("its end");
    wait_until("the server has ended too", || server.is_none_or(inside::is_gone));
}
