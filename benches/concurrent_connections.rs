//! What a connection costs while others are served: 32 clients at once, time per connection.
//!
//! `cargo bench --bench concurrent_connections`; the table at its end has what the server's CPU
//! spends on a connection, too. One connection after the other shows nothing of what threads or
//! processes cost each other.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark fails by a panic")]

use std::net::SocketAddr;
use std::time::Duration;

use client::load::{Extent, Load};
use criterion::{Criterion, SamplingMode};

mod support;

use lab::measure::criterion::{AMONG_MANY, directory, table};
use lab::results::terminal;
use support::{MESSAGE, contestants, measure};

const CLIENTS: usize = 32;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    support::group(&mut criterion, AMONG_MANY.name, |group| {
        group.measurement_time(Duration::from_secs(2)).sample_size(20);
        group.sampling_mode(SamplingMode::Flat);
        for contestant in contestants() {
            let drive =
                |_: &mut Option<()>, server, connections| converse(server, CLIENTS, connections);
            measure(group, AMONG_MANY.name, &contestant, AMONG_MANY.clients, drive);
        }
    });
    criterion.final_summary();
    if let Some(table) = table(&directory(), AMONG_MANY) {
        print!("\n{}", terminal::table(&table, terminal::width()));
    }
}

/// This many connections in all, of which one for each client is under way at a time.
fn converse(server: SocketAddr, clients: usize, connections: u64) -> Duration {
    let load = Load {
        messages_per_connection: Some(1),
        message_size: MESSAGE.len(),
        ..Load::strict(server, clients, Extent::Connections(connections))
    };
    load.run().expect("a good conversation").elapsed
}
