//! Processes made in advance: a fixed set of workers, each a process that accepts a client, serves it
//! and accepts the next.
//!
//! The price of `fork` is paid only at the start, and the isolation stays: whatever happens to a worker
//! affects only one client. The kernel distributes the clients, because all workers wait in `accept` on
//! the same listener (W. R. Stevens, *UNIX Network Programming*, volume 1, chapter 30).
//!
//! ```text
//!   clients            kernel              processes
//!
//!   A ─┐                           ┌──▶ worker 1 ── waits for A
//!   B ─┼──▶ backlog: C waits ──────┤                                the parent waits for
//!   C ─┘                           └──▶ worker 2 ── waits for B     a worker's end
//! ```
//!
//! # What it costs
//!
//! Nothing is created for a connection: a process that was already waiting accepts it. The cost that is
//! left is the switch from one process to another. It has to load another address space, which a switch
//! between two threads of a pool does not.
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/prefork_server/bare.rs.html) is the bare server. This one survives what
//! ends it:
//!
//! - a worker that dies: the parent forks another one, after a pause if the worker died right after its
//!   start (the bare server loses a worker each time);
//! - a transient failure of `accept`: the worker waits, and tries again;
//! - SIGTERM: each worker is asked to answer what its client has sent; workers that are left after
//!   `--drain-timeout` are killed;
//! - its own sudden end: a worker whose parent has died ends too.
//!
//! `--reuse-port` gives each worker a listener, and so a queue, of its own: see `src/listeners.rs`.

use std::io;
use std::net::TcpListener;
use std::process;

use nix::unistd::{ForkResult, fork};
use server_core::{Options, Report, Statistics, end_with, require_one_thread};

mod bare;
mod listeners;
mod model;
mod worker;
mod workers;

use listeners::Listeners;
pub use model::MODEL;
use worker::work;
use workers::Workers;

/// Serves each connection in one of `--workers` processes until a shutdown signal.
///
/// # Errors
///
/// When the process has more than one thread, when the server cannot start, or a listener breaks.
#[allow(unsafe_code)]
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    require_one_thread()?;
    let parent = process::id();
    let statistics = Statistics::shared_with_children()?;
    let mut workers = Workers::new(Listeners::new(listener, options)?, statistics, options)?;
    // ANCHOR: loop
    while !workers.are_done() {
        while let Some(number) = workers.vacancy() {
            // SAFETY: this process has one thread, so the child may run any code.
            match unsafe { fork() } {
                Ok(ForkResult::Child) => {
                    end_with(parent);
                    let worked = work(number, &workers, statistics, options);
                    // SAFETY: ends this process at once. Destructors and exit handlers are the
                    // parent's.
                    unsafe { nix::libc::_exit(i32::from(worked.is_err())) }
                }
                Ok(ForkResult::Parent { child }) => workers.started(number, child),
                Err(error) => workers.not_started(number, error.into())?,
            }
        }
        workers.wait()?;
    }
    // ANCHOR_END: loop
    workers.drain(options.drain_timeout)
}
