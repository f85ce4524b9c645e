//! What a message costs on a warm connection: 16 B, 1 KiB and 60 KiB, there and back; and one on
//! each of 50 warm connections at once.
//!
//! `cargo bench --bench round_trip`

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark fails by a panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

mod support;

use lab::models::Contestant;
use server_core::AtOnce;
use support::{MESSAGE, contestants, measure};

const GROUP: &str = "round_trip";
const AT_ONCE: &str = "round_trip_50_at_once";
const WARM: usize = 50;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    support::group(&mut criterion, GROUP, |group| {
        group.measurement_time(Duration::from_secs(2)).sample_size(50);
        for (size, label) in [(16, "16_B"), (1024, "1_KiB"), (60 * 1024, "60_KiB")] {
            group.throughput(Throughput::Bytes(size as u64));
            // The floor knows no messages but its own.
            let floor = Contestant::floor().name;
            let knows = |it: &Contestant| size == MESSAGE.len() || it.name != floor;
            for contestant in contestants().iter().filter(|it| knows(it)) {
                measure(group, GROUP, contestant, Some(label), |warm, server, count| {
                    exchange(warm.get_or_insert_with(|| connect(server)), size, count)
                });
            }
        }
    });
    support::group(&mut criterion, AT_ONCE, |group| {
        group.measurement_time(Duration::from_secs(2)).sample_size(50);
        group.throughput(Throughput::Elements(WARM as u64));
        for contestant in those_that_serve_all() {
            measure(group, AT_ONCE, &contestant, None, |warm, server, count| {
                let connect = || (0..WARM).map(|_| connect(server)).collect::<Vec<_>>();
                exchange_at_once(warm.get_or_insert_with(connect), count)
            });
        }
    });
    criterion.final_summary();
}

/// All but those that serve one at a time. Where there are workers there are as many as clients.
fn those_that_serve_all() -> impl Iterator<Item = Contestant> {
    let all = contestants().into_iter().filter(|it| it.model.at_once != AtOnce::One);
    all.map(|it| it.with_workers(WARM))
}

fn connect(server: SocketAddr) -> TcpStream {
    client::connect(server).expect("a connection")
}

fn exchange(stream: &mut TcpStream, size: usize, count: u64) -> Duration {
    let mut message = vec![b'x'; size - 1];
    message.push(b'\n');
    let mut answer = vec![0; size];
    let begin = Instant::now();
    for _ in 0..count {
        stream.write_all(&message).expect("an open connection");
        stream.read_exact(&mut answer).expect("an answer");
        assert!(answer == message, "a wrong echo");
    }
    begin.elapsed()
}

fn exchange_at_once(streams: &mut [TcpStream], count: u64) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        for stream in &mut *streams {
            stream.write_all(&MESSAGE).expect("an open connection");
        }
        for stream in &mut *streams {
            let mut answer = [0; MESSAGE.len()];
            stream.read_exact(&mut answer).expect("an answer");
            assert_eq!(answer, MESSAGE, "a wrong echo");
        }
    }
    begin.elapsed()
}
