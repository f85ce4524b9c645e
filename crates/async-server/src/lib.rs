//! A task per connection: a few threads run many tasks, and a task that waits does not need a thread.
//!
//! A task is a state machine that is about as large as its local variables. Where a thread would wait,
//! the task returns to the runtime. The runtime asks the kernel about all sockets at once (`epoll(7)`),
//! and runs those tasks again whose sockets are ready.
//!
//! ```text
//!   clients            kernel              this process
//!
//!   A ─┐                              ┌── task 1 ── waits for A ──┐
//!   B ─┼──▶ backlog ──▶ accept task ──┼── task 2 ── waits for B ──┼──▶ runtime: --workers threads
//!   C ─┘                              └── task 3 ── waits for C ──┘    wait for all of them
//! ```
//!
//! # What it costs
//!
//! A task costs one allocation, and the registration of its socket with `epoll`. A message costs a read
//! and a write, as in C, and a few function calls in between: for the runtime's queue, and for the timer
//! of the idle time-out, which each message moves.
//!
//! # What it adds to the page
//!
//! [`bare.rs`](../src/async_server/bare.rs.html) is the model in a page. This server survives what
//! ends that one:
//!
//! - a client that always has more to say: its task lets others run now and then;
//! - more clients than `--max-connections`: the others wait in the backlog;
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM: [`Connections`] has a list of all open connections, so that each of them is answered
//!   before the end.

use std::io;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use server_core::{Aftermath, Connection, ConnectionError, Connections, Ending, Options, Report};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span};

mod acceptor;
mod bare;
mod handler;
mod model;

use acceptor::Acceptor;
pub use model::MODEL;

/// Serves each connection in a task of its own until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or its listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let runtime = runtime(options)?;
    let report = runtime.block_on(serve_until_shutdown(listener, options))?;
    // Tasks that are still there have had their time: they end where they wait.
    runtime.shutdown_background();
    Ok(report)
}

/// What runs the tasks: `--workers` threads, or the one that calls.
fn runtime(options: &Options) -> io::Result<Runtime> {
    let mut builder = match options.workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(options.workers).enable_all().build()
}

/// A listener that a task can wait for.
fn asynchronous(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

async fn serve_until_shutdown(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(asynchronous(listener)?, options)?;
    let connections = Connections::new(options, acceptor.waker());
    let tasks = TaskTracker::new();
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| connections.open()).await {
        let connection = connections.admit(stream, peer);
        let who = format_args!("task {}", connection.number());
        let span = info_span!("connection", %who, %peer);
        tasks.spawn(serve(connection).instrument(span));
    }
    // ANCHOR_END: loop
    let closed = acceptor.close();
    drain(&connections, &tasks, options.drain_timeout).await;
    closed?;
    connections.report()
}

// ANCHOR: task
/// A connection's task: the handler, to its end.
async fn serve(connection: Connection<TcpStream>) {
    info!(event = "connected", "connected");
    let task = Task(&connection);
    let mut session = connection.session();
    let outcome = handler::handle(&connection, &mut session).await;
    task.log_end(&outcome);
    if Aftermath::of(&outcome, &session, connection.stream()) == Aftermath::Linger {
        // Its failure is the client's loss alone: there is nothing more to say.
        let _ = handler::linger(connection.stream()).await;
    }
}
// ANCHOR_END: task

/// Lets each open connection be answered for what its client has already sent, waits for their
/// end, and cuts what is left after `longest`.
// ANCHOR: drain
async fn drain(connections: &Connections<TcpStream>, tasks: &TaskTracker, longest: Duration) {
    connections.end_inputs();
    tasks.close();
    let _ = timeout(longest, tasks.wait()).await;
    connections.cut();
}
// ANCHOR_END: drain

/// The task that serves a connection. A panic that unwinds it drops it, and is logged.
struct Task<'a>(&'a Connection<TcpStream>);

impl Task<'_> {
    fn log_end(&self, outcome: &Result<Ending, ConnectionError>) {
        let Task(connection) = self;
        connection.log_end(format_args!("task {}", connection.number()), outcome);
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.log_end(&Err(ConnectionError::Panicked));
        }
    }
}
