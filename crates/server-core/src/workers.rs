//! The loops of a server that has several of them, each in a thread of its own.

use std::any::Any;
use std::fmt;
use std::io;
use std::iter;
use std::net::TcpListener;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use crate::{Acceptor, Connection, Connections, Options, Report, SelfPipe, Shutdown, Waker, bind};

/// A thread with a loop of its own: what it needs from outside.
#[derive(Debug)]
pub struct Worker {
    /// Its name in the log, where there are several.
    pub name: Option<WorkerName>,
    /// What it was asked to do. Where each worker has a listener, its limit of connections is its share.
    pub options: Options,
    /// What wakes it: for a shutdown, for a connection that was handed to it, for room for one more.
    pub pipe: SelfPipe,
    /// Where its connections come from.
    pub source: Source,
}

/// Where the connections of a worker come from.
#[derive(Debug)]
pub enum Source<L = TcpListener> {
    /// From a listener of its own.
    Listener(L),
    /// From the thread that accepts for all workers.
    Inbox(Inbox),
    /// From nowhere any more.
    Closed,
}

/// The connections that were handed to a worker, and that it has not taken yet.
#[derive(Debug)]
pub struct Inbox {
    handed: Receiver<Connection>,
    is_over: bool,
}

/// A worker in the log: the first one is 1.
#[derive(Clone, Copy, Debug)]
pub struct WorkerName(usize);

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// Who serves a connection, in the log of a server with loops.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// The loop's thread, where there are several.
    pub worker: Option<WorkerName>,
    /// The connection's number.
    pub connection: u64,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(worker) = self.worker {
            write!(f, "{worker}, ")?;
        }
        write!(f, "connection {}", self.connection)
    }
}

impl<L> Source<L> {
    /// The same with another kind of listener.
    ///
    /// # Errors
    ///
    /// Those of `convert`.
    pub fn try_map<M>(self, convert: impl FnOnce(L) -> io::Result<M>) -> io::Result<Source<M>> {
        Ok(match self {
            Source::Listener(listener) => Source::Listener(convert(listener)?),
            Source::Inbox(inbox) => Source::Inbox(inbox),
            Source::Closed => Source::Closed,
        })
    }

    /// Closes a listener. From an inbox more may come: what is in it, and what is on its way.
    pub fn close_listener(&mut self) {
        if matches!(self, Source::Listener(..)) {
            *self = Source::Closed;
        }
    }

    /// Whether more connections may still be handed to this worker.
    pub fn expects_more(&self) -> bool {
        matches!(self, Source::Inbox(inbox) if !inbox.is_over)
    }
}

impl Inbox {
    /// A connection that was handed over, if there is one at this moment.
    pub fn take(&mut self) -> Option<Connection> {
        let next = self.handed.try_recv();
        self.is_over |= matches!(next, Err(TryRecvError::Disconnected));
        next.ok()
    }
}

/// Serves all connections from `--workers` threads, each of which runs `serve`, until a shutdown signal.
///
/// # Errors
///
/// When the server cannot start, a listener breaks, or a worker fails.
pub fn serve_by_workers(
    listener: TcpListener,
    options: &Options,
    serve: impl Fn(Worker, &Arc<Connections>) -> io::Result<()> + Sync,
) -> io::Result<Report> {
    let workers = Workers::new(listener, options)?;
    let connections = Connections::new(options, workers.waker());
    let served = workers.run(&connections, |worker| serve(worker, &connections));
    let report = connections.end();
    served.and(report)
}

/// All workers of a server.
#[derive(Debug)]
pub struct Workers {
    all: Vec<Worker>,
    /// Where several workers have one listener.
    dispatcher: Option<Dispatcher>,
    end: EndOfAll,
}

/// Accepts for all workers, and hands connections to them in turn, as the main thread of memcached and the
/// *boss* of Netty do.
#[derive(Debug)]
struct Dispatcher {
    acceptor: Acceptor,
    workers: Vec<(Sender<Connection>, Waker)>,
}

impl Workers {
    /// As many as `--workers`. One worker has the listener; several have a thread that accepts for them, or with
    /// `--reuse-port` a listener each.
    ///
    /// # Errors
    ///
    /// When there are too few descriptors, or a signal cannot be caught.
    pub fn new(listener: TcpListener, options: &Options) -> io::Result<Self> {
        let pipe = |number| {
            let pipe = SelfPipe::new().and_then(|pipe| {
                pipe.waker().wake_on(Shutdown::signals())?;
                Ok(pipe)
            });
            pipe.map_err(|error| not_started(number, options.workers, &error))
        };
        let pipes = (1..=options.workers).map(pipe).collect::<io::Result<Vec<_>>>()?;
        let mut wakers: Vec<Waker> = pipes.iter().map(SelfPipe::waker).collect();
        let (dispatcher, sources) = match options.workers > 1 && !options.reuse_port {
            true => with_a_dispatcher(listener, options, &wakers)?,
            false => (None, with_listeners(listener, options)?),
        };
        wakers.extend(dispatcher.iter().map(|it| it.acceptor.waker()));
        let all = (1..).zip(pipes).zip(sources).map(|((number, pipe), source)| Worker {
            name: (options.workers > 1).then_some(WorkerName(number)),
            options: share(options),
            pipe,
            source,
        });
        let (all, drain_timeout) = (all.collect(), options.drain_timeout);
        let end = EndOfAll { wakers, drain_timeout, has_begun: AtomicBool::new(false) };
        Ok(Workers { all, dispatcher, end })
    }

    /// What wakes who accepts, when there is room for one more. Where each worker has a listener, each makes its
    /// own room.
    pub fn waker(&self) -> Waker {
        let dispatcher = self.dispatcher.as_ref().map(|it| it.acceptor.waker());
        dispatcher.unwrap_or_else(|| self.all[0].pipe.waker())
    }

    /// Lets each worker serve in a thread of its own, and blocks until all have ended. The calling thread accepts
    /// for them, or is the first worker. When one of them ends, however it does, all begin to drain.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started, what broke the listener, and the first error of `serve`.
    pub fn run(
        self,
        connections: &Arc<Connections>,
        serve: impl Fn(Worker) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        let Workers { all, dispatcher, end } = self;
        let count = all.len();
        let (end, serve) = (&end, &serve);
        let run = move |worker| {
            let _guard = Guard(end);
            serve(worker)
        };
        thread::scope(|scope| {
            let mut workers = (1..).zip(all);
            let first = if dispatcher.is_none() { workers.next() } else { None };
            let start = |(number, worker)| {
                let thread = thread::Builder::new().name(WorkerName(number).to_string());
                let started = thread.spawn_scoped(scope, move || run(worker));
                started.map_err(|error| not_started(number, count, &error))
            };
            let others: io::Result<Vec<_>> = workers.map(start).collect();
            let others = match others {
                Ok(others) => others,
                Err(error) => {
                    // First, so that those who have started expect no connections.
                    drop(dispatcher);
                    end.begin();
                    return Err(error);
                }
            };
            let here = match dispatcher {
                Some(dispatcher) => {
                    let _guard = Guard(end);
                    dispatcher.dispatch(connections)
                }
                None => first.map_or(Ok(()), |(_, worker)| run(worker)),
            };
            iter::once(here).chain(others.into_iter().map(join)).collect()
        })
    }
}

impl Dispatcher {
    /// Hands out connections until the shutdown, and then tells each worker that no more will come.
    // ANCHOR: dispatch
    fn dispatch(mut self, connections: &Arc<Connections>) -> io::Result<()> {
        let mut turns = (0..self.workers.len()).cycle();
        while let Some((stream, peer)) = self.acceptor.next(|| connections.open()) {
            let connection = connections.admit(stream, peer);
            let (inbox, waker) = &self.workers[turns.next().unwrap_or_default()];
            // A worker that has ended takes none. Soon all end, and this thread too.
            if inbox.send(connection).is_ok() {
                waker.wake();
            }
        }
        for (inbox, waker) in self.workers {
            drop(inbox);
            waker.wake();
        }
        self.acceptor.close()
    }
    // ANCHOR_END: dispatch
}

fn with_a_dispatcher(
    listener: TcpListener,
    options: &Options,
    wakers: &[Waker],
) -> io::Result<(Option<Dispatcher>, Vec<Source>)> {
    let inbox = |waker: &Waker| {
        let (sender, handed) = channel();
        ((sender, waker.clone()), Source::Inbox(Inbox { handed, is_over: false }))
    };
    let (workers, inboxes) = wakers.iter().map(inbox).unzip();
    let acceptor = Acceptor::new(listener, options)?;
    Ok((Some(Dispatcher { acceptor, workers }), inboxes))
}

/// Each accepts for itself; where there are several, the kernel chooses which.
fn with_listeners(first: TcpListener, options: &Options) -> io::Result<Vec<Source>> {
    Ok(listeners(first, options)?.into_iter().map(Source::Listener).collect())
}

// ANCHOR: listeners
/// What workers take their clients from: `first` alone, or under `--reuse-port` as many listeners as there are
/// workers, all at one address. Linux spreads the clients over them by a hash of their addresses. FreeBSD does that
/// under `SO_REUSEPORT_LB` only, and macOS not at all: there one listener may get all of them.
///
/// # Errors
///
/// Those of [`bind`].
pub fn listeners(first: TcpListener, options: &Options) -> io::Result<Vec<TcpListener>> {
    let options = Options { addr: first.local_addr()?, ..options.clone() };
    let count = if options.reuse_port { options.workers } else { 1 };
    let further = (2..=count).map(|number| {
        let lacking = |error| io::Error::other(format!("no listener for worker {number}: {error}"));
        bind(&options).map_err(lacking)
    });
    iter::once(Ok(first)).chain(further).collect()
}
// ANCHOR_END: listeners

/// What one worker of several is asked to do. Under `--reuse-port` each has its share of the connections, for
/// none knows how many the others have; at least one, since the kernel sends clients to each.
fn share(options: &Options) -> Options {
    let shares = if options.reuse_port { options.workers } else { 1 };
    let max_connections = (options.max_connections / shares).max(1);
    Options { max_connections, ..options.clone() }
}

/// How all workers learn that one has ended.
#[derive(Debug)]
struct EndOfAll {
    wakers: Vec<Waker>,
    drain_timeout: Duration,
    has_begun: AtomicBool,
}

impl EndOfAll {
    /// The first one who ends wakes all.
    fn begin(&self) {
        if self.has_begun.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Ok(shutdown) = Shutdown::get() {
            shutdown.drain_end(self.drain_timeout);
        }
        self.wakers.iter().for_each(Waker::wake);
    }
}

/// Begins the end of all when it is dropped: also by a panic.
struct Guard<'a>(&'a EndOfAll);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.begin();
    }
}

fn join(thread: ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|panic: Box<dyn Any + Send>| resume_unwind(panic))
}

fn not_started(number: usize, count: usize, error: &io::Error) -> io::Error {
    io::Error::other(format!("cannot start worker {number} of {count}: {error}"))
}
