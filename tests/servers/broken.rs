//! The suite is tested itself: it must fail a server that is broken.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use lab::check::{CASES, Case, Difference, Group, Target};
use libtest_mimic::Trial;
use protocol::Framing;

use crate::conformance::{start, target};
use crate::support::any;

/// How many of the bytes that a server sends come through a lossy relay.
const KEPT: usize = 30;

/// The cases in which no connection has so many bytes of answers.
const TOO_SHORT: [&str; 5] = [
    "a message comes back as it was sent",
    "a client that sends nothing and half-closes finds the end",
    "two clients get their own answers",
    "Bye may have a CRLF",
    "raw: a message comes back as it was sent",
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("the suite passes a server behind a faithful relay", || {
            let failed: Vec<_> = CASES.iter().filter_map(|case| behind_relay(case, None)).collect();
            assert!(failed.is_empty(), "{failed:?}");
            Ok(())
        }),
        Trial::test("the suite fails a server that drops bytes, and says how", || {
            for case in CASES {
                let difference = behind_relay(case, Some(KEPT));
                let too_short = TOO_SHORT.contains(&case.name) || case.group != Group::Echo;
                assert!(too_short || difference.is_some(), "passed: {}", case.name);
            }
            Ok(())
        }),
        Trial::test("a plain echo server passes the echo cases and no others", || {
            tells_the_groups_apart();
            Ok(())
        }),
    ]
}

/// A server that sends back what it reads, knows nothing more, and lives as long as the test's
/// process.
fn plain_echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || copy(&client, &client, None));
        }
    });
    address
}

fn tells_the_groups_apart() {
    let patience = Duration::from_secs(2);
    let target = Target { patience, ..Target::new(plain_echo_server()) };
    for case in CASES.iter().filter(|case| case.framing == Framing::Line) {
        let passes = case.check(&target).is_ok();
        let is_plain = case.group == Group::Echo || case.name.contains("only looks like Bye");
        assert_eq!(passes, is_plain, "{}", case.name);
    }
}

/// How a case fails when what the server sends loses every `drop`th byte on its way.
fn behind_relay(case: &'static Case, drop: Option<usize>) -> Option<Difference> {
    let server = start(any(), case);
    let target = target(&server);
    let address = relay(server.address(), drop);
    let patience = if drop.is_some() { Duration::from_secs(1) } else { target.patience };
    case.check(&Target { address, patience, ..target }).err()
}

/// Listens on a free port and relays each connection to `server` and back, for as long as the
/// test's process lives.
fn relay(server: SocketAddr, drop: Option<usize>) -> SocketAddr {
    let listener = TcpListener::bind((server.ip(), 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = TcpStream::connect(server) else {
                return;
            };
            client.set_nodelay(true).expect("an open socket");
            server.set_nodelay(true).expect("an open socket");
            let back = (server.try_clone(), client.try_clone());
            thread::spawn(move || copy(&client, &server, None));
            if let (Ok(server), Ok(client)) = back {
                thread::spawn(move || copy(&server, &client, drop));
            }
        }
    });
    address
}

/// Copies until the end, without every `drop`th byte, and passes the end on.
fn copy(mut from: &TcpStream, mut to: &TcpStream, drop: Option<usize>) {
    let mut bytes = [0; 4096];
    let mut seen = 0;
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let kept: Vec<u8> = bytes[..count]
            .iter()
            .filter(|_| {
                seen += 1;
                drop.is_none_or(|drop| seen % drop != 0)
            })
            .copied()
            .collect();
        if to.write_all(&kept).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
