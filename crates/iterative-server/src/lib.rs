//! One client at a time: the acceptor serves each client itself before it accepts the next.
//!
//! This is the baseline. Nothing is cheaper for a client that comes alone; while one is served,
//! however silent it is, all others wait in the kernel's backlog.
//!
//! ```text
//!   clients            kernel              this process
//!
//!   A ──────────────────────────────────▶ acceptor ── waits for A
//!   B ─┐
//!   C ─┴─▶ backlog: B and C wait for the end of A
//! ```
//!
//! # What it adds to the page
//!
//! [`bare.rs`](../src/iterative_server/bare.rs.html) is the model in a page. This server survives
//! what ends that one:
//!
//! - a client that resets its connection, or sends what is not text: [`OneAtATime::serve`]
//!   ends that connection and no more;
//! - a lack of descriptors: the acceptor waits until it has passed;
//! - SIGTERM while a client is served: its handler ends the client's input, and a timer cuts what
//!   is still open after `--drain-timeout`. So there is one thread, also then.

use std::io;
use std::net::TcpListener;

use server_core::{Acceptor, OneAtATime, Options, Report};

mod bare;
mod model;

pub use model::MODEL;

/// Serves one connection after the other until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or its listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let connections = OneAtATime::new(options)?;
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| 0) {
        connections.serve(&stream, peer, "the only thread");
    }
    // ANCHOR_END: loop
    connections.drain(acceptor)
}
