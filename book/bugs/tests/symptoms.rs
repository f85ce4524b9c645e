//! Each bug shows its symptom, and only where the book says that it does.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

mod support;

use support::{PATIENCE, Server, exchange, wait_until};

/// Long enough for what ought to happen, and does not.
const A_WHILE: Duration = Duration::from_millis(300);

/// Whether nothing comes for a while, not even the end.
fn waits_in_vain(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(A_WHILE)).unwrap();
    let came = stream.read(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Ends a connection by a reset: that is what a close over unread input sends.
fn reset(client: TcpStream) {
    exchange(&client, "hello\n");
    (&client).write_all(b"hello again\n").unwrap();
    client.peek(&mut [0]).unwrap();
}

#[test]
fn one_client_that_resets_ends_the_server_for_all() {
    let mut server = Server::start("one-client-ends-all");
    let client = server.connect();
    reset(client);
    wait_until("the server ends", || server.child.try_wait().unwrap().is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn children_that_nobody_waits_for_stay_as_zombies() {
    let server = Server::start("unreaped-child");
    for _ in 0..3 {
        exchange(&server.connect(), "hello\n");
    }
    let parent = procfs::process::Process::new(server.child.id().cast_signed()).unwrap();
    let zombies = || {
        let children = parent.task_main_thread().unwrap().children().unwrap();
        let states = children.into_iter().map(|child| {
            procfs::process::Process::new(child.cast_signed()).unwrap().stat().unwrap().state
        });
        states.filter(|state| *state == 'Z').count()
    };
    wait_until("three zombies", || zombies() == 3);
}

#[test]
fn a_connection_that_the_parent_keeps_does_not_end_with_its_child() {
    let server = Server::start("descriptor-left-open");
    let client = server.connect();
    exchange(&client, "hello\n");
    (&client).write_all(b"Bye\n").unwrap();
    assert!(waits_in_vain(&client));
}

#[test]
fn without_its_workers_a_server_still_takes_clients_and_answers_nobody() {
    let server = Server::start("unreplaced-worker");
    reset(server.connect());
    exchange(&server.connect(), "one worker is left\n");
    reset(server.connect());
    let client = server.connect();
    (&client).write_all(b"nobody is left\n").unwrap();
    assert!(waits_in_vain(&client));
}

#[test]
fn a_connection_with_a_second_handle_does_not_end_with_its_thread() {
    let server = Server::start("shared-stream");
    let client = server.connect();
    exchange(&client, "hello\n");
    (&client).write_all(b"Bye\n").unwrap();
    assert!(waits_in_vain(&client));
}

#[test]
fn four_workers_that_hold_the_lock_serve_one_client_at_a_time() {
    let server = Server::start("lock-held");
    let first = server.connect();
    exchange(&first, "hello\n");
    let second = server.connect();
    (&second).write_all(b"hello\n").unwrap();
    assert!(waits_in_vain(&second));
    drop(first);
    exchange(&second, "hello\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_loop_that_asks_to_write_spins_while_its_client_is_silent() {
    let server = Server::start("write-interest");
    let client = server.connect();
    exchange(&client, "hello\n");
    let used = || {
        let pid = i32::try_from(server.child.id()).unwrap();
        let stat = procfs::process::Process::new(pid).unwrap().stat().unwrap();
        Duration::from_secs(stat.utime + stat.stime) / procfs::ticks_per_second() as u32
    };
    let before = used();
    wait_until("half a second of CPU time is gone", || {
        used() - before > Duration::from_millis(500)
    });
}

#[test]
fn tasks_that_block_their_thread_are_served_one_after_the_other() {
    assert_serves_one_after_the_other("blocking-call");
}

#[test]
fn clients_of_a_loop_that_blocks_are_served_one_after_the_other() {
    assert_serves_one_after_the_other("blocked-loop");
}

fn assert_serves_one_after_the_other(bug: &str) {
    let server = Server::start(bug);
    let begin = Instant::now();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let client = server.connect();
            thread::spawn(move || exchange(&client, "hello\n"))
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    // Side by side they would take half a second.
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
}

/// How many mappings a server has more with a few clients than without.
#[cfg(target_os = "linux")]
fn mappings_of_clients(server: &Server, clients: usize) -> usize {
    let mappings = || {
        let pid = i32::try_from(server.child.id()).unwrap();
        procfs::process::Process::new(pid).unwrap().maps().unwrap().len()
    };
    let before = mappings();
    let clients: Vec<TcpStream> = (0..clients).map(|_| server.connect()).collect();
    clients.iter().for_each(|client| exchange(client, "hello\n"));
    mappings() - before
}

#[test]
#[cfg(target_os = "linux")]
fn each_thread_has_a_second_stack_unless_faults_are_ignored() {
    const CLIENTS: usize = 20;
    let mut shell = std::process::Command::new("sh");
    shell.args([
        "-c",
        r#"trap '' SEGV BUS; exec "$0" signal-stacks --addr 127.0.0.1:0"#,
        env!("CARGO_BIN_EXE_bugs"),
    ]);
    let with = mappings_of_clients(&Server::start("signal-stacks"), CLIENTS);
    let without = mappings_of_clients(&Server::start_by(shell), CLIENTS);
    assert!(with >= without + CLIENTS, "{with} mappings with signal stacks, {without} without");
}
