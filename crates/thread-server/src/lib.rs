//! A thread per connection: the acceptor starts a thread for each client and goes back to wait.
//!
//! Each thread waits for its own client, so a silent client does not make the others wait. All threads share
//! the process: its memory, its descriptors, and also its end, if one of them aborts.
//!
//! ```text
//!   clients            kernel              this process
//!
//!   A ─┐                             ┌──▶ thread 1 ── waits for A
//!   B ─┼──▶ backlog ──▶ acceptor ────┼──▶ thread 2 ── waits for B
//!   C ─┘                (waits for   └──▶ thread 3 ── waits for C
//!                        a client)
//! ```
//!
//! # What it costs
//!
//! A thread costs a `clone3` and an exit in the kernel, and seven small calls by the C library, which keeps
//! the stacks of ended threads and uses them again. The standard library would give each thread a second
//! stack, to report an overflow of the first; `src/stack_overflow.rs` prevents that.
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/thread_server/bare.rs.html) is the bare server. This one survives what
//! ends it:
//!
//! - a thread that cannot be started: this client is rejected, and the others stay;
//! - more clients than `--max-connections`: the others wait in the backlog;
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM: [`Connections`] has a list of all open connections, so that each of them is answered
//!   before the end.

use std::io;
use std::net::TcpListener;
use std::thread;

use server_core::{Acceptor, Connections, Options, Report};

mod bare;
mod model;
mod stack_overflow;

pub use model::MODEL;

/// Serves each connection in a thread of its own until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or its listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let connections = Connections::new(options, acceptor.waker());
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| connections.open()) {
        let connection = connections.admit(stream, peer);
        let serve = move || {
            let number = connection.number();
            connection.serve(format_args!("thread {number}"));
        };
        if let Err(error) = thread::Builder::new().stack_size(options.stack_size).spawn(serve) {
            acceptor.reject(peer, &error);
        }
    }
    // ANCHOR_END: loop
    connections.drain(acceptor)
}
