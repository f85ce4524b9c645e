//! What a connection costs while others are served: 8 and 64 clients at once, time per connection.
//!
//! `cargo bench --bench concurrent_connections`

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark fails by a panic")]

use std::net::SocketAddr;
use std::time::Duration;

use client::load::{Extent, Load};
use criterion::{Criterion, SamplingMode};

mod support;

use support::{MESSAGE, contestants, measure};

const GROUP: &str = "concurrent_connections";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    support::group(&mut criterion, GROUP, |group| {
        group.measurement_time(Duration::from_secs(2)).sample_size(30);
        group.sampling_mode(SamplingMode::Flat);
        for clients in [8, 64] {
            for contestant in contestants() {
                let parameter = Some(clients.to_string());
                let drive = |_: &mut Option<()>, server, connections| {
                    converse(server, clients, connections)
                };
                measure(group, GROUP, &contestant, parameter.as_deref(), drive);
            }
        }
    });
    criterion.final_summary();
}

/// So many connections in all, of which as many as there are clients are under way at a time.
fn converse(server: SocketAddr, clients: usize, connections: u64) -> Duration {
    let load = Load {
        messages_per_connection: Some(1),
        message_size: MESSAGE.len(),
        ..Load::strict(server, clients, Extent::Connections(connections))
    };
    load.run().expect("a good conversation").elapsed
}
