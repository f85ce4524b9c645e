//! The load against servers in this process: what it counts, and what it refuses to count.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use client::load::{Extent, Load, LoadError};

/// A server with a thread for each client, which lives as long as the test's process.
fn server(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

fn load(server: SocketAddr) -> Load {
    Load {
        server,
        connections: 4,
        messages_per_connection: None,
        message_size: 16,
        extent: Extent::Time { warm_up: Duration::ZERO, duration: Duration::from_millis(200) },
        patience: Duration::from_secs(10),
    }
}

/// Sends back what it reads, until it reads `Bye`.
fn echo(mut stream: TcpStream) {
    let mut bytes = [0; 1 << 17];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if bytes[..count].ends_with(b"Bye\n") {
            return;
        }
        stream.write_all(&bytes[..count]).unwrap();
    }
}

#[test]
fn warm_connections_stay_and_every_message_is_counted_once() {
    let outcome = load(server(echo)).run().unwrap();
    assert_eq!(outcome.answered_connections, 4);
    assert_eq!(outcome.all_connections, 4);
    assert!(!outcome.message_latency.is_empty());
    assert!(outcome.all_messages >= outcome.message_latency.len());
}

#[test]
fn short_connections_carry_the_messages_that_they_are_given() {
    let load = Load { messages_per_connection: Some(3), ..load(server(echo)) };
    let outcome = load.run().unwrap();
    assert!(outcome.all_connections > 4, "{outcome:?}");
    // Those that the end cut short may have had fewer.
    assert!(outcome.all_messages <= 3 * outcome.all_connections);
    assert!(outcome.all_messages >= 3 * (outcome.all_connections - 4));
}

#[test]
fn as_many_connections_are_opened_as_were_asked_for() {
    for all in [1, 3, 4, 5, 50] {
        let extent = Extent::Connections(all);
        let load = Load { extent, messages_per_connection: Some(2), ..load(server(echo)) };
        let outcome = load.run().unwrap();
        assert_eq!((outcome.all_connections, outcome.all_messages), (all, 2 * all));
    }
}

#[test]
fn large_messages_come_back_whole() {
    let load = Load { message_size: 100_000, ..load(server(echo)) };
    assert!(load.run().unwrap().all_messages > 0);
}

#[test]
fn a_wrong_echo_fails_the_run() {
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        stream.read_exact(&mut bytes).unwrap();
        bytes[7] ^= 1;
        stream.write_all(&bytes).unwrap();
        echo(stream);
    });
    let outcome = load(server).run();
    assert!(matches!(outcome, Err(LoadError::WrongEcho { .. })), "{outcome:?}");
}

#[test]
fn a_server_that_closes_early_fails_the_run() {
    let server = server(|mut stream| {
        stream.read_exact(&mut [0; 16]).unwrap();
    });
    let outcome = load(server).run();
    assert!(matches!(outcome, Err(LoadError::Unexpected { .. })), "{outcome:?}");
}

#[test]
fn a_missing_answer_fails_the_run() {
    let silent = server(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    let load = Load { patience: Duration::from_millis(200), ..load(silent) };
    let outcome = load.run();
    assert!(matches!(outcome, Err(LoadError::Missing { count: 4, .. })), "{outcome:?}");
}

#[test]
fn without_a_server_the_run_fails() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = load(free).run();
    assert!(matches!(outcome, Err(LoadError::Connection { .. })), "{outcome:?}");
}
