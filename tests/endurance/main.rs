//! What a server looks like after very many connections, and with very many open. One test after
//! the other, since each takes the whole machine.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use std::fs;

use client::hold::Held;
use client::load::{Extent, Load};
use libtest_mimic::Arguments;
use server_core::{AtOnce, Unit, raise_open_file_limit};

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use support::{Server, Subject, endurance_names, subjects, trial, wait_until};

/// How many connections are opened and closed, and how many before the first look.
const SHORT_CONNECTIONS: u64 = 20_000;
const WARM_UP: u64 = 2_000;

/// How much more memory may be resident after them: 100 bytes a connection would be seen.
const GROWTH: u64 = 1 << 20;

/// How many connections are held open.
const IDLE_CONNECTIONS: usize = 10_000;

/// What other tasks of the machine may need beside the connections'.
const OTHER_TASKS: usize = 2_000;

fn main() {
    raise_open_file_limit();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = |has: fn(&Subject) -> bool, name: &'static str, test: fn(Subject)| {
        subjects().filter(has).map(move |subject| {
            trial(format!("{}: {name}", subject.name()), &subject.model, move || {
                test(subject);
                Ok(())
            })
        })
    };
    let serves_all = |it: &Subject| it.model.at_once == AtOnce::All;
    let serves_few = |it: &Subject| it.model.at_once != AtOnce::All;
    let all = trials(|_| true, endurance_names::LEAVES_NOTHING, leaves_nothing)
        .chain(trials(serves_all, endurance_names::ANSWERS_BESIDE, answers_beside_idle_ones))
        .chain(trials(serves_few, endurance_names::WAITS, waits_for_idle_ones));
    let trials = all.collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// What a server holds when it serves nobody.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    children: usize,
}

impl Holdings {
    fn of(server: &Server) -> Self {
        let descriptors = server.descriptors();
        Holdings { descriptors, threads: server.threads(), children: server.children() }
    }
}

/// The memory that a server has resident, in bytes.
fn memory(server: &Server) -> u64 {
    let status = format!("/proc/{}/status", server.process.process());
    let status = fs::read_to_string(status).expect("its process, in /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kib = line.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number") * 1024
}

fn leaves_nothing(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    connect(&server, WARM_UP);
    let before = settled(&server);
    let memory_before = memory(&server);
    connect(&server, SHORT_CONNECTIONS);
    wait_until("nothing is left", || Holdings::of(&server) == before);
    let growth = memory(&server).saturating_sub(memory_before);
    assert!(growth < GROWTH, "{growth} bytes more");
}

/// What the server holds when that has not changed for a while.
fn settled(server: &Server) -> Holdings {
    let mut last = Vec::new();
    wait_until("the server settles", || {
        last.push(Holdings::of(server));
        last.len() > 20 && last[last.len() - 20..].windows(2).all(|pair| pair[0] == pair[1])
    });
    Holdings::of(server)
}

fn connect(server: &Server, connections: u64) {
    let load = Load {
        messages_per_connection: Some(1),
        ..Load::strict(server.address(), 32, Extent::Connections(connections))
    };
    let outcome = load.run().expect("every connection to be answered");
    assert_eq!((outcome.all_connections, outcome.all_messages), (connections, connections));
}

fn answers_beside_idle_ones(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let count = allowed(subject);
    let _held = hold(&server, count, count);
    // Long before any of the idle ones leaves.
    (0..20).for_each(|_| server.connect().exchange("a new client\n"));
}

fn waits_for_idle_ones(subject: Subject) {
    let server = subject.start(&["--quiet"]);
    let served = subject.model.served_at_once(500);
    let held = hold(&server, 500, served);
    let mut client = server.connect();
    client.send("a new client\n");
    client.wait_in_vain();
    drop(held);
    client.receive("a new client\n");
}

/// Opens connections that fall silent. The server is expected to answer so many of them.
fn hold(server: &Server, connections: usize, served: usize) -> Held {
    Held::open(server.address(), connections, served).expect("connections")
}

/// As many idle connections as were asked for, or as the machine's limits leave room for, and then
/// it says so.
fn allowed(subject: Subject) -> usize {
    let number = |file: &str| fs::read_to_string(file).ok()?.trim().parse::<usize>().ok();
    let mut room = usize::try_from(raise_open_file_limit()).unwrap_or(usize::MAX) - 500;
    if matches!(subject.model.unit, Unit::Process | Unit::Thread) {
        for limit in ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"] {
            room = room.min(number(limit).unwrap_or(usize::MAX).saturating_sub(OTHER_TASKS));
        }
    }
    if room < IDLE_CONNECTIONS {
        println!(
            "{}: the limits of this machine leave room for {room} connections",
            subject.name()
        );
    }
    room.min(IDLE_CONNECTIONS)
}
