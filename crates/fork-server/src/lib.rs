//! A process per connection: the acceptor forks a child for each client and goes back to wait.
//!
//! Each child has its own memory, so whatever happens to it affects only one client. This isolation
//! has a price: the kernel copies the page tables for each child, and frees them when it ends.
//!
//! ```text
//!   clients            kernel              processes
//!
//!   A ─┐                             ┌──▶ child 4711 ── waits for A
//!   B ─┼──▶ backlog ──▶ acceptor ────┼──▶ child 4712 ── waits for B
//!   C ─┘                (the parent: └──▶ child 4713 ── waits for C
//!                        waits for a client, or for a child's end)
//! ```
//!
//! # What it costs
//!
//! `fork` copies the descriptor table, the list of mappings and the page tables, and the end of
//! the child takes them all down again. In between, each page that the parent or the child writes to
//! is copied at the first write, and each piece of code that the child runs is mapped when it is first
//! executed. This makes some twenty page faults for each connection, in any language. Compared with a
//! bare loop in C, this server also pays for the decoder, a counter and a `prctl` in the child, each
//! on pages of its own, and for the wake-up that tells the parent that a child has ended.
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/fork_server/bare.rs.html) is the bare server. This one survives what
//! ends it:
//!
//! - a fork that fails: this client is rejected, and the others stay;
//! - children that end while no new client comes: they are collected immediately, and not only at
//!   the next `accept`;
//! - more clients than `--max-connections`: the others wait in the backlog;
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM: each child is asked to answer what its client has sent; children that are left after
//!   `--drain-timeout` are killed;
//! - its own sudden end: a child whose parent has died ends too, so that no client talks to a server
//!   that cannot be stopped.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process;

use nix::unistd::{ForkResult, fork};
use server_core::{Acceptor, Children, Ended, Options, Report, SoleConnection, Statistics};
use server_core::{end_with, log_cut, log_killed, require_one_thread};

mod bare;
mod model;
mod warm_up;

pub use model::MODEL;

/// Serves each connection in a child process until a shutdown signal.
///
/// # Errors
///
/// When the process has more than one thread, when the server cannot start, or its listener breaks.
#[allow(unsafe_code)]
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    require_one_thread()?;
    let parent = process::id();
    let mut acceptor = Acceptor::new(listener, options)?;
    let statistics = Statistics::shared_with_children()?;
    let mut children = Children::new(acceptor.pipe())?;
    let on_end = |child: Ended<SocketAddr>| {
        if let Some(signal) = child.killed_by() {
            log_killed(child.process, child.what, signal, statistics);
        }
    };
    let connection = SoleConnection::new()?;
    // Asks for the number only where it is logged: a child saves a call and a page fault.
    let who = fmt::from_fn(|f| write!(f, "process {}", process::id()));
    let mut session = warm_up::session(options, statistics)?;
    while let Some((stream, peer)) = acceptor.next(|| children.reap(on_end)) {
        // ANCHOR: fork
        // SAFETY: this process has one thread, so the child may run any code.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                acceptor.close_in_child();
                end_with(parent);
                connection.serve(&stream, peer, &who, &mut session);
                // The end of a process closes it too, but only after it has freed the memory.
                drop(stream);
                // SAFETY: ends this process at once. Destructors and exit handlers are the parent's.
                unsafe { nix::libc::_exit(0) }
            }
            Ok(ForkResult::Parent { child }) => children.insert(child, peer),
            Err(error) => acceptor.reject(peer, &error.into()),
        }
        // The parent's copy of the connection closes here; the client sees the end when the
        // child's is closed too.
        drop(stream);
        // ANCHOR_END: fork
    }
    // ANCHOR: drain
    let closed = acceptor.close();
    let left = children.ask_to_end(options.drain_timeout, on_end)?;
    if left > 0 {
        log_cut(left, options.drain_timeout);
        children.kill(on_end)?;
    }
    // ANCHOR_END: drain
    closed?;
    Report::new(statistics)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::ffi::OsString;

    use super::*;

    /// A test has a thread beside the one that started it.
    #[test]
    fn a_process_with_more_threads_than_one_is_refused() {
        let arguments = ["fork-server", "--addr", "127.0.0.1:0"].map(OsString::from);
        let options = MODEL.parse(arguments).unwrap_or_else(|_| unreachable!("the line is right"));
        let error = run(server_core::bind(&options).unwrap(), &options).unwrap_err();
        assert!(error.to_string().contains("with one thread, not "), "{error}");
    }
}
