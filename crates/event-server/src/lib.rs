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
//! server is, the fewer questions it asks for each message. It can use only one CPU.
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
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use server_core::{Connections, Options, Report, Shutdown, outlast};

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

/// Serves all connections from one loop until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or its listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(EVENTS));
    let mut acceptor = Acceptor::new(listener, options, poll.registry())?;
    let connections = Connections::new(options, acceptor.waker());
    let mut clients = Clients::new(&connections, poll.registry().try_clone()?);
    // ANCHOR: loop
    while !acceptor.is_done() {
        for _ in 0..AT_ONCE {
            let Some((stream, peer)) = acceptor.next(connections.open()) else { break };
            let admitted = clients.admit(stream, peer);
            admitted.unwrap_or_else(|error| acceptor.reject(peer, &error));
        }
        clients.go_on();
        let next_accept = acceptor.deadline(connections.open());
        wait(&mut poll, &mut events, [next_accept, clients.deadline()])?;
        for event in &events {
            if !acceptor.notice(event.token()) {
                clients.notice(event);
            }
        }
    }
    // ANCHOR_END: loop
    let closed = acceptor.close();
    drain(&mut clients, &mut poll, &mut events, options.drain_timeout)?;
    connections.cut();
    drop(clients);
    closed?;
    connections.report()
}

/// Lets each open connection be answered for what its client has already sent, and waits for their
/// end, but no longer than that.
fn drain(
    clients: &mut Clients<'_>,
    poll: &mut Poll,
    events: &mut Events,
    longest: Duration,
) -> io::Result<()> {
    let end = Shutdown::get()?.drain_end(longest);
    clients.begin_drain();
    clients.go_on();
    while !clients.is_empty() && Instant::now() < end {
        wait(poll, events, [Some(end), clients.deadline()])?;
        events.iter().for_each(|event| clients.notice(event));
        clients.go_on();
    }
    Ok(())
}

/// Asks the kernel which sockets are ready, and waits for an answer until the first of these moments at most.
fn wait(poll: &mut Poll, events: &mut Events, until: [Option<Instant>; 2]) -> io::Result<()> {
    let until = until.into_iter().flatten().min();
    let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
    poll.poll(events, timeout).or_else(|error| {
        events.clear();
        outlast(error)
    })
}
