//! A process per connection: the acceptor forks a child for each client and goes back to wait.
//!
//! Each child has its own memory, so whatever happens to it happens to one client. The kernel
//! copies page tables for it and reclaims them at its end: isolation is what a fork buys.
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
//! the child takes them all down again. Then each page that parent or child writes is copied at
//! its first write, and each stretch of code that the child runs is mapped at its first
//! instruction: some twenty page faults a connection, under any language. What is left above a
//! bare loop in C is a decoder, a counter and a `prctl` that the child runs, each on pages of its
//! own, and the wake-up that tells the parent of a child's end.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::socket;
use nix::unistd::{ForkResult, fork};
use server_core::{
    Acceptor, Model, Options, Report, SHUTDOWN_SIGNALS, Session, ShutdownSignal, Statistics,
};

mod children;

use children::Children;

/// The model and its defaults.
pub const MODEL: Model = Model {
    name: "fork",
    about: "The echo service with a process per connection",
    max_connections: Some(16384),
    workers: None,
    stack_size: None,
    run,
};

/// Serves each connection in a child process until a shutdown signal.
///
/// To be called while the process has one thread only, since a child gets a copy of that thread
/// alone, and of all locks as the others left them.
///
/// # Errors
///
/// When the server cannot start, or `accept` fails in a way that it cannot survive.
#[allow(unsafe_code)]
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let statistics = Statistics::shared_with_children()?;
    let mut children = Children::new(statistics)?;
    let served = end_input_on_signal()?;
    let mut session = Session::rehearsed(options, statistics);
    while let Some((stream, peer)) = acceptor.next(|| children.open())? {
        statistics.opened();
        // ANCHOR: fork
        // SAFETY: this process has one thread, so the child may run any code.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                drop(acceptor);
                serve_and_exit(&stream, peer, &mut session, statistics, &served);
            }
            Ok(ForkResult::Parent { child }) => children.insert(child, peer),
            Err(error) => {
                statistics.closed();
                acceptor.turn_away(peer, &error.into());
            }
        }
        // The parent's copy of the connection closes here; the client sees the end when the
        // child's is closed too.
        drop(stream);
        // ANCHOR_END: fork
    }
    drop(acceptor);
    children.drain(options.drain_timeout)?;
    Report::new(statistics)
}

/// The child's whole life.
#[allow(unsafe_code)]
fn serve_and_exit(
    stream: &TcpStream,
    peer: SocketAddr,
    session: &mut Session<'_>,
    statistics: &Statistics,
    served: &AtomicI32,
) -> ! {
    // ANCHOR: child
    // A server that is killed takes its children with it.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    served.store(stream.as_raw_fd(), Ordering::SeqCst);
    if ShutdownSignal::was_requested() {
        let _ = stream.shutdown(Shutdown::Read);
    }
    server_core::serve(stream, peer, ThisProcess, session);
    statistics.closed();
    // SAFETY: ends this process at once. Destructors and exit handlers are the parent's to run.
    unsafe { nix::libc::_exit(0) }
    // ANCHOR_END: child
}

/// Asks for the process's number only when a log line needs it.
#[derive(Clone, Copy)]
struct ThisProcess;

impl fmt::Display for ThisProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", process::id())
    }
}

/// Makes a shutdown signal end the input of the connection whose descriptor the returned cell
/// holds: none in the parent, the only one in a child.
#[allow(unsafe_code)]
fn end_input_on_signal() -> io::Result<Arc<AtomicI32>> {
    let served = Arc::new(AtomicI32::new(-1));
    for signal in SHUTDOWN_SIGNALS {
        let descriptor = Arc::clone(&served);
        let end_input = move || {
            let _ = socket::shutdown(descriptor.load(Ordering::SeqCst), socket::Shutdown::Read);
        };
        // SAFETY: the handler loads an atomic and calls shutdown(2), both async-signal-safe.
        unsafe { signal_hook::low_level::register(signal, end_input)? };
    }
    Ok(served)
}
