//! The suite is tested itself: it must fail a server that is broken.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;

use crate::conformance::CASES;
use crate::support::{PATIENCE, Server, Target};

/// The cases in which no connection has a hundred bytes of answers.
const TOO_SHORT: [&str; 4] = [
    "an over-long message gets an ERROR line, then the end",
    "a message that is not UTF-8 gets an ERROR line, then the end",
    "raw: an over-long message gets an ERROR line, then the end",
    "raw: a message that is not UTF-8 gets an ERROR line, then the end",
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("the suite passes a server behind a faithful relay", || {
            assert_eq!(failures(None), Vec::<&str>::new());
            Ok(())
        }),
        Trial::test("the suite fails a server that drops every hundredth byte", || {
            let failed = failures(Some(100));
            for case in CASES {
                let too_short = TOO_SHORT.contains(&case.name);
                assert!(too_short || failed.contains(&case.name), "passed: {}", case.name);
            }
            Ok(())
        }),
    ]
}

/// The cases that fail when what the server sends loses every `drop`th byte on its way.
fn failures(drop: Option<usize>) -> Vec<&'static str> {
    crate::EXPECTS_FAILURES.set(drop.is_some());
    let fails = |case: &&crate::conformance::Case| {
        let server = Server::start("thread", case.arguments);
        let address = relay(server.address(), drop);
        let patience = if drop.is_some() { Duration::from_secs(1) } else { PATIENCE };
        let target = Target { address, patience };
        catch_unwind(AssertUnwindSafe(|| (case.check)(&target))).is_err()
    };
    let failed = CASES.iter().filter(fails).map(|case| case.name).collect();
    crate::EXPECTS_FAILURES.set(false);
    failed
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
