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

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use server_core::{
    ConnectionError, Ending, Model, Options, Report, ShutdownSignal, Statistics, log_cut, log_end,
};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
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
    let statistics = Arc::new(Statistics::default());
    runtime.block_on(serve_until_shutdown(listener, options, &statistics))?;
    // Tasks that are still there have had their time: they end where they wait.
    runtime.shutdown_background();
    Report::new(&statistics)
}

async fn serve_until_shutdown(
    listener: TcpListener,
    options: &Options,
    statistics: &Arc<Statistics>,
) -> io::Result<()> {
    let mut acceptor = Acceptor::new(listener, options)?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    for number in 1_u64.. {
        let Some((stream, peer, place)) = acceptor.next().await? else {
            break;
        };
        let span = info_span!("connection", who = %format_args!("task {number}"), %peer);
        statistics.opened();
        let open = Open { number, peer, _place: place, statistics: Arc::clone(statistics) };
        tasks.spawn(serve(stream, open, options.clone(), stop.clone()).instrument(span));
    }
    drop(acceptor);
    drain(&tasks, &stop, options.drain_timeout).await
}

/// A connection's task: the handler, to its end. A stop ends the input and nothing else, so no
/// write is ever cancelled: the handler answers what has arrived and then finds the end.
async fn serve(stream: TcpStream, open: Open, options: Options, stop: CancellationToken) {
    info!("connected");
    let mut handler = pin!(handler::handle(&stream, &options, &open.statistics));
    let outcome = tokio::select! {
        biased;
        outcome = &mut handler => outcome,
        () = stop.cancelled() => {
            let _ = SockRef::from(&stream).shutdown(Shutdown::Read);
            handler.await
        }
    };
    open.log_end(&outcome);
}

/// Lets each open connection be answered for what its client has already sent, and waits for
/// their end, for `longest` at most.
async fn drain(tasks: &TaskTracker, stop: &CancellationToken, longest: Duration) -> io::Result<()> {
    ShutdownSignal::get()?.drain_begins();
    stop.cancel();
    tasks.close();
    if timeout(longest, tasks.wait()).await.is_err() {
        log_cut(tasks.len(), longest);
    }
    Ok(())
}

/// Counts a connection as open, and keeps its place, until it is dropped: at its end, by a panic
/// that unwinds its task, or with a task that was cut.
struct Open {
    number: u64,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
    statistics: Arc<Statistics>,
}

impl Open {
    fn log_end(&self, outcome: &Result<Ending, ConnectionError>) {
        log_end(format_args!("task {}", self.number), self.peer, outcome);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.statistics.closed();
        if thread::panicking() {
            self.log_end(&Err(ConnectionError::Panicked));
        }
    }
}
