//! One client at a time: the acceptor serves each client itself before it accepts the next.
//!
//! This is the baseline. For a single client nothing is cheaper. But while one client is served, even
//! if it sends nothing, all others wait in the kernel's backlog.
//!
//! ```text
//!   clients            kernel              this process
//!
//!   A ──────────────────────────────────▶ acceptor ── waits for A
//!   B ─┐
//!   C ─┴─▶ backlog: B and C wait for the end of A
//! ```
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/iterative_server/bare.rs.html) is the bare server. This one survives
//! what ends it:
//!
//! - a client that resets its connection, or sends something that is not text:
//!   [`SoleConnection::serve`] ends only that connection;
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM while a client is served: the signal's handler ends the client's input, and a timer
//!   cuts the connection if it is still open after `--drain-timeout`. Even for this, the server needs
//!   only one thread.

use std::io;
use std::net::TcpListener;

use server_core::{Acceptor, Options, Report, Session, SoleConnection, Statistics};

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
    let connection = SoleConnection::cut_after(options.drain_timeout)?;
    let statistics = Statistics::default();
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| 0) {
        let mut session = Session::new(options, &statistics);
        connection.serve(&stream, peer, "the only thread", &mut session);
    }
    // ANCHOR_END: loop
    // A signal that came while a client was served has begun the drain, and timed its end.
    acceptor.close()?;
    Report::new(&statistics)
}
