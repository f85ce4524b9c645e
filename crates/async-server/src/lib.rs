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
//! A task costs one allocation, its socket the registration with `epoll` and tokio's record of it, and a
//! conversation its buffer. A message costs a read and a write, as in C, and a few function calls in between:
//! for the runtime's queue, and for the timer of the idle time-out, which each message moves.
//!
//! # What it adds to the bare server
//!
//! [`bare.rs`](../src/async_server/bare.rs.html) is the bare server. This one survives what
//! ends it:
//!
//! - a client that always has more to send: its task lets others run now and then;
//! - more clients than `--max-connections`: the others wait in the backlog, since each task holds a permit
//!   of a [`Semaphore`](tokio::sync::Semaphore);
//! - a lack of descriptors: the acceptor waits until there are some again;
//! - SIGTERM: a [`CancellationToken`] tells each task, which answers what its client has sent, and a
//!   [`TaskTracker`] waits for all of them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use server_core::{Aftermath, ConnectionError, Ending, Options, Report, Session, Shutdown};
use server_core::{Statistics, end, log_cut, log_end};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span};

mod acceptor;
mod bare;
mod handler;
mod model;
mod runtime;

use acceptor::{Accepted, Acceptor};
pub use model::MODEL;

/// Serves each connection in a task of its own until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, or its listener breaks.
pub fn run(listener: TcpListener, options: &Options) -> io::Result<Report> {
    let runtime: Runtime = runtime::start(options)?;
    let server = Arc::new(Server::new(options));
    let served = runtime.block_on(serve_until_shutdown(listener, &server));
    // The drain is over: the tasks that are left end where they wait.
    runtime.shutdown_background();
    served?;
    Report::new(&server.statistics)
}

/// What all tasks share.
struct Server {
    options: Options,
    statistics: Statistics,
    /// Cancelled when the drain begins.
    draining: CancellationToken,
}

async fn serve_until_shutdown(listener: TcpListener, server: &Arc<Server>) -> io::Result<()> {
    let mut acceptor = Acceptor::new(listener, &server.options)?;
    server.drain_at_signals()?;
    tokio::spawn(runtime::keep_a_first_timer(server.options.idle_timeout));
    let tasks = TaskTracker::new();
    let mut number = 0;
    // ANCHOR: loop
    let ended = loop {
        let accepted = tokio::select! {
            biased;
            () = server.draining.cancelled() => break Ok(()),
            accepted = acceptor.next() => accepted,
        };
        number += 1;
        match accepted {
            Ok(accepted) => tasks.spawn(serve(accepted, number, Arc::clone(server))),
            Err(broken) => break Err(broken),
        };
    };
    // ANCHOR_END: loop
    drop(acceptor);
    server.drain(&tasks).await?;
    ended
}

// ANCHOR: task
/// A connection's task: the handler, to its end.
async fn serve(accepted: Accepted, number: u64, server: Arc<Server>) {
    let Accepted { stream, peer, place: _place } = accepted;
    let who = Who(number);
    let span = info_span!("connection", %who, %peer);
    let _open = Open::begin(who, peer, &server.statistics);
    let mut session = Session::new(&server.options, &server.statistics);
    let conversation = async {
        info!(event = "connected", "connected");
        handler::handle(&stream, &mut session, &server.draining).await
    };
    let outcome = conversation.instrument(span).await;
    if end(&stream, peer, who, &outcome, &session) == Aftermath::Linger {
        // A failure is not logged: the conversation is over.
        let _ = handler::linger(&stream).await;
    }
}
// ANCHOR_END: task

impl Server {
    fn new(options: &Options) -> Self {
        let (statistics, draining) = (Statistics::default(), CancellationToken::new());
        Server { options: options.clone(), statistics, draining }
    }

    /// Begins the drain when a signal asks for a shutdown.
    fn drain_at_signals(&self) -> io::Result<()> {
        for number in Shutdown::signals() {
            let mut signals = signal(SignalKind::from_raw(*number))?;
            let draining = self.draining.clone();
            tokio::spawn(async move {
                signals.recv().await;
                draining.cancel();
            });
        }
        // The signal may have come before the runtime listened for it.
        if Shutdown::get()?.requested() {
            self.draining.cancel();
        }
        Ok(())
    }

    /// Lets each task answer what its client has already sent, and waits until all tasks have ended. The
    /// tasks that are left when the drain ends are cut: logs how many.
    // ANCHOR: drain
    async fn drain(&self, tasks: &TaskTracker) -> io::Result<()> {
        let longest = self.options.drain_timeout;
        let end = Shutdown::get()?.drain_end(longest);
        self.draining.cancel();
        tasks.close();
        if timeout_at(end.into(), tasks.wait()).await.is_err() {
            log_cut(tasks.len(), longest);
        }
        Ok(())
    }
    // ANCHOR_END: drain
}

/// The task that serves a connection, in the log.
#[derive(Clone, Copy)]
struct Who(u64);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

/// A connection that is counted as open. A panic that unwinds its task drops this, and is logged.
struct Open<'a> {
    who: Who,
    peer: SocketAddr,
    statistics: &'a Statistics,
}

impl<'a> Open<'a> {
    fn begin(who: Who, peer: SocketAddr, statistics: &'a Statistics) -> Self {
        statistics.opened();
        Open { who, peer, statistics }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.statistics.closed();
        if thread::panicking() {
            let panicked: Result<Ending, _> = Err(ConnectionError::Panicked);
            log_end(self.who, self.peer, &panicked, self.statistics);
        }
    }
}
