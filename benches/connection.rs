//! What a connection costs: connect, one echo, `Bye`, end of file, one after the other.
//!
//! `cargo bench --bench connection`; the table at its end puts each model beside its bare server and the
//! floor.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark fails by a panic")]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::Criterion;

mod support;

use lab::measure::criterion::{ALONE, directory, table};
use lab::results::terminal;
use support::{MESSAGE, contestants, measure};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    support::group(&mut criterion, ALONE.name, |group| {
        group.measurement_time(Duration::from_secs(3));
        for contestant in contestants() {
            measure(
                group,
                ALONE.name,
                &contestant,
                None,
                |_: &mut Option<()>, server, connections| {
                    let begin = Instant::now();
                    (0..connections).for_each(|_| converse(server));
                    begin.elapsed()
                },
            );
        }
    });
    criterion.final_summary();
    if let Some(table) = table(&directory(), ALONE) {
        print!("\n{}", terminal::table(&table, terminal::width()));
    }
}

/// One connection. The server closes first.
fn converse(server: SocketAddr) {
    let mut stream = client::connect(server).expect("a connection");
    let mut answer = [0; MESSAGE.len()];
    stream.write_all(&MESSAGE).expect("an open connection");
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, MESSAGE, "a wrong echo");
    stream.write_all(b"Bye\n").expect("an open connection");
    assert_eq!(stream.read(&mut answer).expect("the end"), 0, "no end after Bye");
}
