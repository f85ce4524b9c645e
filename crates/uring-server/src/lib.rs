//! Completions: one thread, which does not read and write itself. It tells the kernel what is to be read
//! and written; the kernel does it, and reports when it is done (`io_uring(7)`; Linux).
//!
//! There are two queues in memory that the process shares with the kernel. Requests go into one of them,
//! and completed requests come out of the other. A single system call hands over new requests and waits
//! for completions, for all clients at once. The buffer of a read belongs to the kernel until the read is
//! completed, so the central question in this server is who owns a buffer.
//! [`event-server`](../event_server/index.html) has the same states, and does the reading itself.
//!
//! ```text
//!   clients            kernel                      this process
//!
//!   A ─┐            ◀── to be done: receive B ──┐
//!   B ─┼──▶ backlog                             ├── one thread; the buffers of what is under
//!   C ─┘            ─── done: 3 bytes of A ────▶┘   way are not its own meanwhile
//! ```
//!
//! # What it costs
//!
//! A connection costs an operation that waits in the kernel, together with its buffer. A message costs two
//! operations, but no system call of its own: one call serves all connections that are ready. So the busier
//! the server is, the fewer calls it makes for each message. One thread can use only one CPU: with `--workers`
//! there are several, each with a ring of its own ([`serve_by_workers`]).
//!
//! # What it adds to the bare server
//!
//! `src/bare.rs` is the bare server. This one survives what ends it:
//!
//! - a client that does not read: what the kernel has not sent is handed over again;
//! - work, and clients that are silent for too long: time-outs are operations too, and an operation that
//!   takes too long is cancelled;
//! - more clients than `--max-connections`: the others wait in the backlog;
//! - a lack of descriptors: no client is accepted until there are some again;
//! - SIGTERM: every open connection is answered before the end, and no buffer is freed that the kernel
//!   still has.

#![cfg(target_os = "linux")]

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use server_core::{Connections, Options, Report, Shutdown, Worker, serve_by_workers};

mod acceptor;
mod address;
mod bare;
mod clients;
mod handler;
mod model;
mod ring;

use acceptor::{Acceptor, FIRST_ACCEPT, LAST_ACCEPT, WAKEUPS};
use clients::Clients;
pub use model::MODEL;
use ring::Ring;

/// Serves all connections from `--workers` loops until a shutdown signal.
///
/// # Errors
///
/// When the kernel refuses a ring, when the server cannot start, or a listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    serve_by_workers(listener, options, |worker, connections| {
        Loop::new(worker, connections)?.run(options.drain_timeout)
    })
}

/// A loop and its parts: a thread of its own runs it.
struct Loop<'a> {
    ring: Ring,
    acceptor: Acceptor<'a>,
    clients: Clients<'a>,
}

impl<'a> Loop<'a> {
    fn new(worker: Worker, connections: &'a Arc<Connections>) -> io::Result<Self> {
        let mut ring = Ring::new()?;
        let clients = Clients::new(connections, worker.name);
        let acceptor = Acceptor::new(worker, connections, &mut ring)?;
        Ok(Loop { ring, acceptor, clients })
    }

    /// Serves until the shutdown, and to the end of the drain.
    fn run(mut self, drain_timeout: Duration) -> io::Result<()> {
        while !self.acceptor.is_done() {
            self.acceptor.ask(&mut self.ring, self.clients.len());
            self.turn(self.acceptor.resume())?;
        }
        let closed = self.acceptor.close(&mut self.ring);
        self.drain(drain_timeout)?;
        self.clients.leave();
        self.end()?;
        closed
    }

    /// Hands over new operations, waits until one is done, or until `end`, and goes on with each connection
    /// whose operation is done.
    // ANCHOR: turn
    fn turn(&mut self, end: Option<Instant>) -> io::Result<()> {
        let Loop { ring, acceptor, clients } = self;
        clients.cancel_overdue(ring);
        let completions = ring.wait([end, clients.deadline()].into_iter().flatten().min())?;
        let mut now = Instant::now();
        for completion in completions {
            match completion.key() {
                WAKEUPS => acceptor.look_out(ring),
                FIRST_ACCEPT..=LAST_ACCEPT => {
                    if let Some(connection) = acceptor.complete(completion) {
                        clients.admit(ring, connection);
                    }
                }
                _ => clients.complete(ring, completion, &mut now)?,
            }
        }
        while let Some(connection) = acceptor.handed() {
            clients.admit(ring, connection);
        }
        Ok(())
    }
    // ANCHOR_END: turn

    /// Lets each open connection be answered for what its client has already sent, and waits for their
    /// end, but no longer than that.
    fn drain(&mut self, longest: Duration) -> io::Result<()> {
        let end = Shutdown::get()?.drain_end(longest);
        self.clients.begin_drain(&mut self.ring);
        while (self.clients.len() > 0 || self.acceptor.expects_more()) && Instant::now() < end {
            self.turn(Some(end))?;
        }
        Ok(())
    }

    /// Cancels everything, and waits until the kernel has given all of it back.
    // ANCHOR: end
    fn end(mut self) -> io::Result<()> {
        self.ring.cancel_all();
        while self.ring.under_way() > 0 {
            for completion in self.ring.wait(None)? {
                match completion.key() {
                    WAKEUPS => {}
                    FIRST_ACCEPT..=LAST_ACCEPT => drop(self.acceptor.complete(completion)),
                    _ => self.clients.take_back(completion),
                }
            }
        }
        Ok(())
    }
    // ANCHOR_END: end
}
