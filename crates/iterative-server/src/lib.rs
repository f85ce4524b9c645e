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

use std::io;
use std::net::TcpListener;

use server_core::{Acceptor, Connections, Model, Options, Report};

/// The model and its defaults.
pub const MODEL: Model = Model {
    name: "iterative",
    about: "The echo service for one client at a time",
    max_connections: None,
    workers: None,
    stack_size: None,
    run,
};

/// Serves one connection after the other until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or `accept` fails in a way that it cannot survive.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let connections = Connections::new(options, acceptor.waker());
    // The signal may come while the only thread that serves is blocked on a client.
    connections.drain_from_another_thread()?;
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| connections.open())? {
        connections.admit(stream, peer).serve("the only thread");
    }
    // ANCHOR_END: loop
    connections.report()
}
