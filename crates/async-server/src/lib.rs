//! A task per connection: a few threads run many tasks, each of which waits without a thread.
//!
//! A task is a state machine of the size of its local variables. Where a thread would block, the
//! task returns to the runtime, which asks the kernel (`epoll(7)`) for all sockets at once and
//! runs those tasks again whose sockets are ready.
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
//! A task is one allocation, and its socket is registered with `epoll` once. A message is a read
//! and a write, as in C, and a few function calls between them: the runtime's queue, and a timer
//! that is put off, which a loop without an idle time-out would not have.

use std::io;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use server_core::{
    Connection, ConnectionError, Connections, Ending, Model, Options, Report, log_end,
};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span};

mod acceptor;
mod handler;

use acceptor::Acceptor;

/// The model and its defaults. A single worker is the thread that calls [`run`]: tasks that only
/// wait and copy gain nothing from a second, and pay for waking each other across threads.
pub const MODEL: Model = Model {
    name: "async",
    about: "The echo service with a task per connection",
    max_connections: Some(65536),
    workers: Some(|| 1),
    stack_size: None,
    run,
};

/// Serves each connection in a task of its own until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or `accept` fails in a way that it cannot survive.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut builder = match options.workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(options.workers).enable_all().build()?;
    let report = runtime.block_on(serve_until_shutdown(listener, options))?;
    // Tasks that are still there have had their time: they end where they wait.
    runtime.shutdown_background();
    Ok(report)
}

async fn serve_until_shutdown(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let connections = Connections::new(options, acceptor.waker());
    let tasks = TaskTracker::new();
    // ANCHOR: loop
    while let Some((stream, peer)) = acceptor.next(|| connections.open()).await? {
        let connection = connections.admit(stream, peer);
        let who = format_args!("task {}", connection.number());
        let span = info_span!("connection", %who, %peer);
        tasks.spawn(serve(connection).instrument(span));
    }
    // ANCHOR_END: loop
    drop(acceptor);
    drain(&connections, &tasks, options.drain_timeout).await;
    connections.report()
}

// ANCHOR: task
/// A connection's task: the handler, to its end.
async fn serve(connection: Connection<TcpStream>) {
    info!("connected");
    let task = Task(&connection);
    let outcome = handler::handle(connection.stream(), &mut connection.session()).await;
    task.log_end(&outcome);
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
        log_end(format_args!("task {}", connection.number()), connection.peer(), outcome);
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.log_end(&Err(ConnectionError::Panicked));
        }
    }
}
