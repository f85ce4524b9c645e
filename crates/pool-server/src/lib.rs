//! A pool of threads: a fixed number of workers take connections from one queue.
//!
//! The price of a thread is paid once, at the start, and the number of workers bounds what the
//! server takes on. A worker serves its client to the end, so with `N` workers the client `N + 1`
//! waits until one leaves.
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
//! No unit is made for a connection: it is one passage through the queue, and the wake-up of a
//! worker that sleeps, a `futex` call and a switch of context. crossbeam's channel lets a worker
//! that finds the queue empty yield a few times before it sleeps: CPU time for a quicker start.

use std::io;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use crossbeam::channel::{self, Receiver};
use server_core::{Acceptor, Connection, Connections, Model, Options, Report};

/// The model and its defaults. Workers wait for clients more than they compute, so there are
/// several for each CPU. `max_connections` counts those that wait in the queue too.
pub const MODEL: Model = Model {
    name: "pool",
    about: "The echo service with a fixed pool of threads",
    max_connections: Some(1024),
    workers: Some(|| 4 * thread::available_parallelism().map_or(1, usize::from)),
    stack_size: Some(256 * 1024),
    run,
};

/// Serves each connection in one of `--workers` threads until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or `accept` fails in a way that it cannot survive.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let connections = Connections::new(options, acceptor.waker());
    // As full as the limit on connections lets it become.
    let (queue, waiting) = channel::unbounded();
    let workers = start_workers(&waiting, options)?;
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| connections.open())? {
        queue.send(connections.admit(stream, peer)).map_err(io::Error::other)?;
    }
    drop(acceptor);
    connections.drain();
    // Without a sender the queue ends, and with it the workers.
    drop(queue);
    // ANCHOR_END: loop
    workers
        .into_iter()
        .try_for_each(JoinHandle::join)
        .map_err(|_| io::Error::other("a worker panicked"))?;
    connections.report()
}

fn start_workers(
    waiting: &Receiver<Connection>,
    options: &Options,
) -> io::Result<Vec<JoinHandle<()>>> {
    // ANCHOR: workers
    let start = |number| {
        let waiting = waiting.clone();
        let work = move || {
            for connection in waiting {
                connection.serve(format_args!("worker {number}"));
            }
        };
        // ANCHOR_END: workers
        let worker = thread::Builder::new().stack_size(options.stack_size).spawn(work);
        worker.map_err(|error| {
            let all = options.workers;
            io::Error::other(format!("cannot start worker {number} of {all}: {error}"))
        })
    };
    (1..=options.workers).map(start).collect()
}
