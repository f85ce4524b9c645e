//! `client load` as a program: what it prints, where, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A server with a thread for each client, which lives as long as the test's process.
fn server(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Knows no protocol: sends back what it reads.
fn echo(stream: TcpStream) {
    let _ = std::io::copy(&mut &stream, &mut &stream);
}

fn load(server: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["load", "--addr", &server.to_string(), "--duration", "300ms"]).args([
        "--warm-up",
        "0s",
        "--connections",
        "4",
    ]);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_report_is_all_that_goes_to_standard_output_and_nothing_else_is_said() {
    let Output { status, stdout, stderr } = load(server(echo)).output().unwrap();
    let report = text(&stdout);
    assert!(status.success() && stderr.is_empty(), "{report}");
    for part in ["closed loop", "in flight", "no errors", "p99.9", "####", "of one CPU"] {
        assert!(report.contains(part), "{part:?} is missing in:\n{report}");
    }
    assert!(!report.contains('\x1b'), "{report}");
}

#[test]
fn the_json_holds_what_the_report_says_with_units_in_the_names() {
    let file = std::env::temp_dir().join(format!("load-{}.json", std::process::id()));
    let output = load(server(echo))
        .args(["--rate", "1000", "--per-connection", "5", "--json"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let record: serde_json::Value = serde_json::from_reader(File::open(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(record["loop"], "open");
    assert_eq!(record["due_messages_per_second"], 1000.0);
    assert_eq!(record["failures"]["wrong_echo"], 0);
    let count = |value: &serde_json::Value| value.as_u64().unwrap();
    let classes = record["message_latency_histogram"].as_array().unwrap();
    let sum: u64 = classes.iter().map(|class| count(&class["messages"])).sum();
    assert_eq!(sum, count(&record["messages"]));
    assert!(record["message_latency_microseconds"]["max"].as_f64().unwrap() > 0.0);
    // 300 samples leave fewer than ten above this one.
    assert!(record["message_latency_microseconds"]["p99"].is_null());
}

/// A client that waits in the backlog all the time has no latency, and is in no rate.
#[test]
fn the_report_says_how_many_connections_had_no_answer() {
    static FIRST: AtomicBool = AtomicBool::new(true);
    let one_at_a_time = server(|stream| match FIRST.swap(false, Ordering::Relaxed) {
        // The load asks once whether there is a server.
        true => {}
        false => {
            static SERVED: Mutex<()> = Mutex::new(());
            let _alone = SERVED.lock();
            echo(stream);
        }
    });
    let Output { stdout, .. } = load(one_at_a_time).output().unwrap();
    let report = text(&stdout);
    assert!(report.contains("answered 1 of 4 connections: the other 3"), "{report}");
}

#[test]
fn a_standstill_of_the_client_is_reported_and_not_charged_to_the_server() {
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        while stream.read_exact(&mut bytes).is_ok() && stream.write_all(&bytes).is_ok() {
            ANSWERED.fetch_add(1, Ordering::Relaxed);
        }
    });
    let file = std::env::temp_dir().join(format!("standstill-{}.json", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["load", "--addr", &server.to_string(), "--rate", "100", "--duration", "3s"]);
    command.args(["--warm-up", "0s", "--json"]).arg(&file).stdout(Stdio::null());
    let mut client = command.spawn().unwrap();
    let process = Pid::from_raw(client.id().cast_signed());
    while ANSWERED.load(Ordering::Relaxed) < 20 && client.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    kill(process, Signal::SIGSTOP).unwrap();
    thread::sleep(Duration::from_secs(2));
    kill(process, Signal::SIGCONT).unwrap();
    assert!(client.wait().unwrap().success());
    let record: serde_json::Value = serde_json::from_reader(File::open(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let figure = |name: &str| record[name].as_f64().unwrap();
    assert!(figure("client_standstills") >= 1.0, "{record}");
    assert!(figure("client_standstill_seconds") > 1.5, "{record}");
    assert!((figure("measured_seconds") - 3.0).abs() < 0.5, "{record}");
    assert!(record["message_latency_microseconds"]["max"].as_f64().unwrap() < 1e6, "{record}");
    assert!((figure("due_messages") - 300.0).abs() <= 1.0, "{record}");
    let parts = ["messages", "in_flight_messages", "unsent_messages", "lost_messages"];
    assert_eq!(parts.map(figure).iter().sum::<f64>(), figure("due_messages"), "{record}");
}

#[test]
fn a_server_that_answers_wrongly_fails_the_run() {
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        while stream.read_exact(&mut bytes).is_ok() {
            bytes[3] ^= 1;
            stream.write_all(&bytes).unwrap();
        }
    });
    let Output { status, stdout, stderr } = load(server).output().unwrap();
    let (report, complaint) = (text(&stdout), text(&stderr));
    assert_eq!(status.code(), Some(1));
    assert!(complaint.contains("answered wrongly") && report.contains("wrong echo"), "{report}");
}

#[test]
fn errors_are_named_by_kind_and_no_answer_at_all_is_a_failure() {
    // A close over what was not read is a reset.
    let resetting = server(|stream| drop(stream.peek(&mut [0])));
    let Output { status, stdout, stderr } = load(resetting).output().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(text(&stdout).contains("reset"), "{}", text(&stdout));
    assert_eq!(text(&stderr), "client: no message was answered\n");
}

#[test]
fn where_files_do_not_suffice_one_line_says_what_to_do() {
    let line = format!(
        "ulimit -n 64; exec {} load --connections 100 --threads 2 --addr 127.0.0.1:1",
        env!("CARGO_BIN_EXE_client")
    );
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let complaint = text(&output.stderr);
    assert_eq!((output.status.code(), complaint.lines().count()), (Some(1), 1), "{complaint}");
    assert!(complaint.contains("134 open files") && complaint.contains("ulimit"), "{complaint}");
}

/// What the program prints at a terminal.
fn at_a_terminal(mut command: Command) -> String {
    let pair = openpty(None, None).unwrap();
    let (terminal, master): (OwnedFd, OwnedFd) = (pair.slave, pair.master);
    let mut child = command.stdout(terminal).env("TERM", "xterm").spawn().unwrap();
    // The last copy of the terminal's side is the child's.
    drop(command);
    let mut printed = Vec::new();
    // Ends with EIO when the child has closed its side.
    let _ = File::from(master).read_to_end(&mut printed);
    assert!(child.wait().unwrap().success());
    text(&printed)
}

#[test]
fn a_terminal_sees_colour_unless_no_color_is_set() {
    let mut coloured = load(server(echo));
    coloured.env_remove("NO_COLOR");
    assert!(at_a_terminal(coloured).contains("\x1b["));
    let mut plain = load(server(echo));
    plain.env("NO_COLOR", "1");
    assert!(!at_a_terminal(plain).contains("\x1b["));
}
