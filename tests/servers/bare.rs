//! The bare server of each model: it serves, it takes no options, and it dies of what the server survives.

use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use server_core::Unit;

use crate::command_line::one_line;
use crate::exhaustion::{Shop, under_limit};
use crate::of_those;
use crate::support::{Client, Server, Subject, wait_until};

pub(crate) fn trials() -> Vec<Trial> {
    let holds_all =
        |it: &Subject| !it.serves_one() && it.model.unit != Unit::Process && it.has_bare();
    let makes_units = |it: &Subject| {
        it.model.makes_a_unit_for_each() && matches!(it.model.unit, Unit::Process | Unit::Thread)
    };
    let are_processes = |it: &Subject| it.model.unit == Unit::Process;
    let all = [
        of_those(Subject::has_bare, "its bare server echoes, and closes at Bye", echoes)
            .collect::<Vec<_>>(),
        of_those(
            Subject::has_bare,
            "its bare server takes no option of the server's",
            refuses_options,
        )
        .collect(),
        of_those(Subject::serves_one, "its bare server dies of a reset", dies_of_a_reset).collect(),
        of_those(holds_all, "its bare server dies out of descriptors", dies_out_of_descriptors)
            .collect(),
        of_those(
            makes_units,
            "its bare server dies out of processes or threads",
            dies_out_of_units,
        )
        .collect(),
        of_those(
            are_processes,
            "its bare server leaves children behind at its end",
            leaves_children,
        )
        .collect(),
    ];
    let accepts = "its bare server whose workers accept echoes, and lets who is too many wait";
    let has_two = |it: &Subject| it.model.properties.accept;
    all.into_iter().flatten().chain(of_those(has_two, accepts, accepts_in_each)).collect()
}

fn accepts_in_each(subject: Subject) {
    let server = subject.start(&["--bare", "--accept", "--workers", "2"]);
    let (mut one, mut other, mut third) = (server.connect(), server.connect(), server.connect());
    one.exchange("one\n");
    other.exchange("other\n");
    third.send("third\n");
    third.wait_in_vain();
    one.send("Bye\n");
    one.receive_to_the_end("");
    third.receive("third\n");
    server.process.terminate().expect("its end");
}

fn echoes(subject: Subject) {
    let server = subject.start(&["--bare"]);
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..if subject.serves_one() { 1 } else { 3 } {
        let mut client = server.connect();
        client.exchange(&format!("client {number}\n"));
        clients.push(client);
    }
    for mut client in clients {
        client.send("Bye\n");
        client.receive_to_the_end("");
    }
    server.process.terminate().expect("its end");
}

fn refuses_options(subject: Subject) {
    for (option, value) in [("--delay", "1s"), ("--max-message", "10"), ("--drain-timeout", "1s")] {
        let line = one_line(subject.command(&["--bare", option, value]), 2);
        assert!(line.contains("--bare") && line.contains(option), "{line}");
    }
}

fn dies_of_a_reset(subject: Subject) {
    let server = subject.start(&["--bare"]);
    let mut client = server.connect();
    client.exchange("served\n");
    client.reset();
    ends_with(server, Vec::new(), "Connection reset by peer");
}

fn dies_out_of_descriptors(subject: Subject) {
    let server = Server::start_by(under_limit("--nofile=30", &subject.command(&["--bare"])));
    let clients = as_many_as_come(&server, 40);
    ends_with(server, clients, "Too many open files");
}

fn dies_out_of_units(subject: Subject) {
    let shop = Shop::open();
    let server = Server::start_by(shop.serve(subject, &["--bare"]));
    let clients = as_many_as_come(&server, shop.limit + 10);
    ends_with(server, clients, "Resource temporarily unavailable");
}

/// Connects this many clients, or fewer if the bare server ends first.
fn as_many_as_come(server: &Server, count: usize) -> Vec<Client> {
    (0..count).map_while(|_| Client::try_connect(server.address()).ok()).collect()
}

/// Sees that it ends, says why, and not with status 0.
fn ends_with(server: Server, clients: Vec<Client>, reason: &str) {
    wait_until("the bare server says why it ends", || server.log().contains(reason));
    // Children that serve them would go on.
    drop(clients);
    let (stopped, log) = server.wait();
    assert!(!stopped.status.success() && log.contains(reason), "{}: {log}", stopped.status);
}

/// What the server's children are kept from: to go on when their parent has ended.
fn leaves_children(subject: Subject) {
    let server = subject.start(&["--bare"]);
    let mut client = server.connect();
    client.exchange("served\n");
    server.process.signal(Signal::SIGTERM).expect("a running bare server");
    wait_until("the parent has ended", || server.is_gone());
    client.exchange("served by an orphan\n");
}
