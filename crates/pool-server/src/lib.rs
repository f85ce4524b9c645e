//! A pool of threads: a fixed number of workers take connections from one queue.
//!
//! Threads are created only at the start, and their number limits how many clients are served at the
//! same time. A worker serves its client to the end, so with `N` workers client `N + 1` waits until
//! another one leaves.
//!
//! ```text
//!   clients            kernel              this process
//!
//!   A ─┐                                             ┌──▶ worker 1 ── waits for A
//!   B ─┼──▶ backlog ──▶ acceptor ──▶ queue: C waits ─┤
//!   C ─┘                                             └──▶ worker 2 ── waits for B
//! ```
//!
//! # What it costs
//!
//! Nothing is created for a connection. It passes through the queue, and a sleeping worker is woken,
//! which takes a `futex` call and a context switch. A worker that finds the queue empty does not sleep
//! at once: crossbeam's channel lets it yield a few times, which costs CPU time and makes the next start
//! quicker.
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/pool_server/bare.rs.html) is the bare server. This one survives what
//! ends it:
//!
//! - a handler that panics: the worker goes on (the bare server loses a worker each time);
//! - a client that was sent an `ERROR` line and keeps sending: one separate thread takes care of all
//!   such clients, because a few of them could occupy all workers;
//! - more clients than it can serve, where `--max-wait` says how long they may wait: see `src/doorman.rs`;
//! - more clients than `--max-connections`: the others wait in the backlog;
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM: [`Connections`] has a list of all open connections, also of those in the queue, so that
//!   each of them is answered before the end.

use std::io;
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use crossbeam::channel::{self, Receiver};
use server_core::{Acceptor, Aftermath, Connection, Connections, LingeringThread, Options, Report};

mod bare;
mod bare_accept;
mod doorman;
mod model;

pub use model::MODEL;

/// Serves each connection in one of `--workers` threads until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or its listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let connections = Connections::new(options, acceptor.waker());
    let lingering = LingeringThread::start()?;
    // It has no limit of its own: --max-connections counts the clients in the queue too.
    let (queue, waiting) = channel::unbounded();
    // ANCHOR: loop
    thread::scope(|scope| {
        let clients = doorman::before(scope, waiting, options, &lingering)?;
        for number in 1..=options.workers {
            let worker = thread::Builder::new().stack_size(options.stack_size);
            let (clients, lingering) = (clients.clone(), &lingering);
            let worker = worker.spawn_scoped(scope, move || work(number, &clients, lingering));
            worker.map_err(|error| not_started(number, options, &error))?;
        }
        // The workers have theirs: where all of them have ended, nobody takes from the queue.
        drop(clients);
        while let Some((stream, peer)) = acceptor.next(|| connections.open()) {
            let connection = connections.admit(stream, peer);
            let client = Client { connection, since: Instant::now() };
            queue.send(client).map_err(io::Error::other)?;
        }
        let report = connections.drain(acceptor);
        // Without a sender the queue ends, and then the workers. The scope waits for them.
        drop(queue);
        report
    })
    // ANCHOR_END: loop
}

/// A client in the queue.
struct Client {
    connection: Connection,
    since: Instant,
}

/// A worker: serves clients, one after the other, until the queue ends.
// ANCHOR: workers
fn work(number: usize, clients: &Receiver<Client>, lingering: &LingeringThread) {
    for client in clients {
        serve(client.connection, number, lingering);
    }
}
// ANCHOR_END: workers

/// Serves one client, and leaves it to others to wait for its end where it may still be sending.
fn serve(connection: Connection, worker: usize, lingering: &LingeringThread) {
    match connection.converse(format_args!("worker {worker}")) {
        Aftermath::Close => drop(connection),
        Aftermath::Linger => lingering.take(connection),
    }
}

fn not_started(worker: usize, options: &Options, error: &io::Error) -> io::Error {
    io::Error::other(format!("cannot start worker {worker} of {}: {error}", options.workers))
}
