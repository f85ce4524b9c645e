//! The scripted client against servers that do what servers do, rightly and wrongly.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

/// A server for one client, which lives as long as the test's process.
fn server(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

fn client(server: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["--addr", &server.to_string()]).args(arguments).output().unwrap()
}

/// Runs the client against a server that it cannot be content with, and returns what it says.
#[track_caller]
fn complaint(server: SocketAddr, arguments: &[&str]) -> String {
    let output = client(server, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Answers each line with what `answer` makes of it, and closes at `Bye`.
fn lines(stream: &TcpStream, mut answer: impl FnMut(&str) -> String) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if line == "Bye" {
            return;
        }
        let mut stream = stream;
        stream.write_all(answer(&line).as_bytes()).unwrap();
    }
}

/// What the tutorial's server does: each `recv(1024)` is a message.
fn tutorial(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    loop {
        let count = stream.read(&mut bytes).unwrap();
        match std::str::from_utf8(&bytes[..count]).unwrap() {
            "Bye" => return,
            text => stream.write_all(text.as_bytes()).unwrap(),
        }
    }
}

/// Closes with input unread, which sends a reset.
fn reset(stream: TcpStream) {
    stream.peek(&mut [0]).unwrap();
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let server = server(|stream| lines(&stream, |line| format!("{line}\n")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["--addr", &server.to_string()]).stdout(writer);
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn ten_numbered_messages_are_echoed_and_printed() {
    let server = server(|stream| lines(&stream, |line| format!("{line}\n")));
    let output = client(server, &[]);
    assert!(output.status.success(), "{output:?}");
    let expected: String = (1..=10).map(|number| format!("message {number}\n")).collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn the_tutorial_s_server_is_understood_in_raw_framing() {
    let arguments = ["--framing", "raw", "--count", "3", "--message", "第:{} 条消息。"];
    let output = client(server(tutorial), &arguments);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "第:1 条消息。\n第:2 条消息。\n第:3 条消息。\n");
}

#[test]
fn an_answer_that_comes_in_pieces_is_put_together() {
    let server = server(|stream| {
        lines(&stream, |line| {
            let (first, rest) = line.split_at(4);
            (&stream).write_all(first.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(20));
            format!("{rest}\n")
        });
    });
    assert!(client(server, &["--count", "3"]).status.success());
}

#[test]
fn without_a_server_the_client_says_how_to_start_one() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = complaint(free, &[]);
    assert!(text.contains("no server at") && text.contains("cargo run -p"), "{text}");
}

#[test]
fn a_server_that_closes_early_is_named() {
    let server = server(|stream| drop(BufReader::new(stream).lines().next()));
    let text = complaint(server, &[]);
    assert!(text.contains("message 1 of 10: the server closed the connection"), "{text}");
}

#[test]
fn a_reset_is_told_apart_from_an_end() {
    let text = complaint(server(reset), &[]);
    assert!(text.contains("message 1 of 10: the connection was reset"), "{text}");
}

#[test]
fn a_wrong_answer_is_shown_beside_what_was_sent() {
    let server = server(|stream| lines(&stream, |line| format!("{}\n", line.replace('3', "4"))));
    let text = complaint(server, &[]);
    let expected = r#"message 3 of 10: wrong answer: sent "message 3\n", received "message 4\n""#;
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_reason_of_a_refusal_is_passed_on() {
    let server = server(|stream| lines(&stream, |_| "ERROR message longer than 4 bytes\n".into()));
    let text = complaint(server, &[]);
    assert!(text.contains("the server refused it: message longer than 4 bytes"), "{text}");
}

#[test]
fn a_silent_server_is_left_after_the_timeout() {
    let server = server(|stream| lines(&stream, |_| String::new()));
    let text = complaint(server, &["--timeout", "200ms"]);
    assert!(text.contains("no answer within 200ms"), "{text}");
}

#[test]
fn a_server_that_answers_bye_is_asked_for_its_framing() {
    let server =
        server(|mut stream| drop(std::io::copy(&mut stream.try_clone().unwrap(), &mut stream)));
    let text = complaint(server, &["--count", "1"]);
    assert!(text.contains("answered Bye") && text.contains("--framing"), "{text}");
}

#[test]
fn a_wrong_option_is_one_line_and_status_2() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    for wrong in [["--count", "many"], ["--timeout", "0s"], ["--framing", "json"]] {
        let output = client(address, &wrong);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
    }
}
