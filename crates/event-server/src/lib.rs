//! An event loop by hand: one thread asks the kernel which sockets are ready, and works on those.
//!
//! The thread waits in one place only, in this question (`epoll(7)`, `kqueue(2)`). A thread that waits
//! for a single client keeps its place in the program and its data on its stack. Here each connection
//! needs a data structure for that: its state. [`async-server`](../async_server/index.html) has the
//! same states, written by the compiler.
//!
//! ```text
//!   clients            kernel                this process
//!
//!   A ─┐                                    ┌── A: receiving
//!   B ─┼──▶ backlog ──▶ who is ready? ──────┼── B: sending, 512 bytes gone    one thread
//!   C ─┘              ◀── of all sockets    └── C: working, until 10:15:03
//! ```
//!
//! # What it costs
//!
//! A connection costs an entry in a table and a registration with the kernel, a message a read and a
//! write. One question to the kernel is enough for all connections that are ready. So the busier the
//! server is, the fewer questions it asks for each message. One thread can use only one CPU: with `--workers`
//! there are several, each with a loop of its own ([`serve_by_workers`]).
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/event_server/bare.rs.html) is the bare server. This one survives what
//! ends it:
//!
//! - a client that does not read: what the kernel cannot take now is kept and sent later;
//! - work, and clients that are silent for too long: there is a queue of deadlines, because the loop
//!   must not sleep;
//! - a client that always has more to send: others get a turn now and then;
//! - more clients than `--max-connections`: the others wait in the backlog;
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM: [`Connections`] has a list of all open connections, so that each of them is answered
//!   before the end.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use server_core::{Connections, Options, Report, Shutdown, Worker, outlast, serve_by_workers};

mod acceptor;
mod bare;
mod clients;
mod handler;
mod model;

use acceptor::Acceptor;
use clients::Clients;
pub use model::MODEL;

/// How many events one question to the kernel may bring.
const EVENTS: usize = 256;

/// How many clients are accepted, at most, before those that are there go on.
const AT_ONCE: usize = 32;

// ANCHOR: run
/// Serves all connections from `--workers` loops until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or a listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    serve_by_workers(listener, options, |worker, connections| {
        Loop::new(worker, connections)?.run(options.drain_timeout)
    })
}
// ANCHOR_END: run

/// A loop and its parts: a thread of its own runs it.
struct Loop<'a> {
    poll: Poll,
    events: Events,
    acceptor: Acceptor<'a>,
    clients: Clients<'a>,
}

impl<'a> Loop<'a> {
    fn new(worker: Worker, connections: &'a Arc<Connections>) -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(EVENTS));
        let clients = Clients::new(connections, worker.name, poll.registry().try_clone()?);
        let acceptor = Acceptor::new(worker, connections, poll.registry())?;
        Ok(Loop { poll, events, acceptor, clients })
    }

    /// Serves until the shutdown, and to the end of the drain.
    fn run(mut self, drain_timeout: Duration) -> io::Result<()> {
        while !self.acceptor.is_done() {
            self.turn(None)?;
        }
        let closed = self.acceptor.close();
        self.drain(drain_timeout)?;
        self.clients.leave();
        closed
    }

    /// Waits until something happens, or until `end`, and goes on with each client that it concerns.
    // ANCHOR: loop
    fn turn(&mut self, end: Option<Instant>) -> io::Result<()> {
        let Loop { poll, events, acceptor, clients } = self;
        wait(poll, events, [end, acceptor.deadline(clients.len()), clients.deadline()])?;
        for event in &*events {
            if !acceptor.notice(event.token()) {
                clients.notice(event);
            }
        }
        for _ in 0..AT_ONCE {
            let Some(connection) = acceptor.next(clients.len()) else { break };
            let peer = connection.peer();
            let admitted = clients.admit(connection);
            admitted.unwrap_or_else(|error| acceptor.reject(peer, &error));
        }
        clients.go_on();
        Ok(())
    }
    // ANCHOR_END: loop

    /// Lets each open connection be answered for what its client has already sent, and waits for their
    /// end, but no longer than that.
    fn drain(&mut self, longest: Duration) -> io::Result<()> {
        let end = Shutdown::get()?.drain_end(longest);
        self.clients.begin_drain();
        while (self.clients.len() > 0 || self.acceptor.expects_more()) && Instant::now() < end {
            self.turn(Some(end))?;
        }
        Ok(())
    }
}

/// Asks the kernel which sockets are ready, and waits for an answer until the first of these moments at most.
fn wait(poll: &mut Poll, events: &mut Events, until: [Option<Instant>; 3]) -> io::Result<()> {
    let until = until.into_iter().flatten().min();
    let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
    poll.poll(events, timeout).or_else(|error| {
        events.clear();
        outlast(error)
    })
}
