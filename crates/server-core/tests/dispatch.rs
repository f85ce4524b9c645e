//! One acceptor for several workers. It is alone in its process, since the end of its workers is that of all.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use server_core::{Connection, Connections, Source, Worker};

mod support;

use support::{is, workers};

/// What a worker was handed before its end, which is that of the first worker when it has its part of so many.
fn handed(worker: Worker, all: usize, connections: &Connections) -> io::Result<Vec<Connection>> {
    let (is_first, mut source, mut handed) = (is(&worker, "worker 1"), worker.source, Vec::new());
    while source.expects_more() {
        if let Source::Inbox(inbox) = &mut source {
            handed.extend(inbox.take());
        }
        if is_first && connections.open() == all && handed.len() == all / 3 {
            break;
        }
        worker.pipe.wait(Some(Instant::now() + Duration::from_millis(1)))?;
    }
    Ok(handed)
}

#[test]
fn connections_are_handed_out_in_turn_and_none_is_lost_at_the_end() {
    let (workers, connections, address) = workers(false);
    let clients = (0..6).map(|_| TcpStream::connect(address).expect("a listener"));
    let clients: Vec<TcpStream> = clients.collect();
    let all: Mutex<BTreeMap<String, Vec<u64>>> = Mutex::default();
    let serve = |worker: Worker| {
        let name = worker.name.expect("one of several").to_string();
        let handed = handed(worker, clients.len(), &connections)?;
        let numbers = handed.iter().map(Connection::number).collect();
        all.lock().expect("no panic").insert(name, numbers);
        Ok(())
    };
    workers.run(&connections, serve).expect("a good end");
    let all = all.into_inner().expect("no panic");
    assert_eq!(all["worker 1"], [1, 4]);
    assert_eq!(all["worker 2"], [2, 5]);
    assert_eq!(all["worker 3"], [3, 6]);
}
