//! The places for workers: who is in them, and when an empty one is filled again.

use std::fmt::Display;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc::EIO;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use server_core::{Children, Ended, Options, Report, SHUTDOWN_SIGNALS, SelfPipe, Shutdown};
use server_core::{Statistics, log_cut, log_killed, shared_words};
use tracing::{info, warn};

use crate::listeners::Listeners;
use crate::serving::Serving;

/// A worker that lived no longer than this died at once, and the next one starts after as long.
const AT_ONCE: Duration = Duration::from_secs(1);

pub(crate) struct Workers {
    places: Vec<Place>,
    children: Children<usize>,
    pipe: Arc<SelfPipe>,
    shutdown: &'static Shutdown,
    listeners: Listeners,
    statistics: &'static Statistics,
    /// What broke a listener.
    broken: Option<io::Error>,
}

/// A worker, or a place for one.
struct Place {
    serving: Serving,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// It never had a worker.
    New,
    /// Its worker started then.
    Taken(Instant),
    /// The next worker may start then.
    Empty(Instant),
}

impl Workers {
    /// A place for each worker, and nobody in it.
    ///
    /// # Errors
    ///
    /// When the parent cannot get what it needs to watch over them.
    pub(crate) fn new(
        listeners: Listeners,
        statistics: &'static Statistics,
        options: &Options,
    ) -> io::Result<Self> {
        let pipe = Arc::new(SelfPipe::new()?);
        pipe.waker().wake_on(&SHUTDOWN_SIGNALS)?;
        let children = Children::new(Arc::clone(&pipe))?;
        let words = shared_words(options.workers * Serving::WORDS)?.chunks(Serving::WORDS);
        let place = |words| Place { serving: Serving::new(words), state: State::New };
        let places = words.map(place).collect();
        let shutdown = Shutdown::get()?;
        Ok(Workers { places, children, pipe, shutdown, listeners, statistics, broken: None })
    }

    /// Whether it is time for the end: the shutdown was requested or a listener is broken.
    pub(crate) fn are_done(&self) -> bool {
        self.shutdown.requested() || self.broken.is_some()
    }

    /// The number, from 1 on, of a place that is to have a worker now.
    pub(crate) fn vacancy(&self) -> Option<usize> {
        if self.are_done() {
            return None;
        }
        let now = Instant::now();
        let is_due = |place: &Place| match place.state {
            State::New => true,
            State::Taken(_) => false,
            State::Empty(until) => until <= now,
        };
        self.places.iter().position(is_due).map(|place| place + 1)
    }

    /// What a worker works with.
    pub(crate) fn equipment(&self, number: usize) -> (&TcpListener, Serving) {
        (self.listeners.of_worker(number), self.places[number - 1].serving)
    }

    /// Takes note of a worker that was just forked.
    pub(crate) fn started(&mut self, number: usize, worker: Pid) {
        self.places[number - 1].state = State::Taken(Instant::now());
        self.children.insert(worker, number);
    }

    /// Takes note that a worker could not be forked: another try follows after a while.
    ///
    /// # Errors
    ///
    /// When it was to be the first in its place: so many workers there cannot be.
    pub(crate) fn not_started(&mut self, number: usize, error: &dyn Display) -> io::Result<()> {
        if let State::New = self.places[number - 1].state {
            self.children.kill(drop)?;
            let count = self.places.len();
            return Err(io::Error::other(format!(
                "cannot start worker {number} of {count}: {error}"
            )));
        }
        let empty = self.places.iter_mut().filter(|place| matches!(place.state, State::Empty(_)));
        empty.for_each(|place| place.state = State::Empty(Instant::now() + AT_ONCE));
        warn!(event = "cannot start", "cannot start worker {number}: {error}");
        Ok(())
    }

    /// Blocks until a signal has come, of a worker's end or of the shutdown, or a place is to be filled.
    ///
    /// # Errors
    ///
    /// Those of `poll(2)`.
    // ANCHOR: wait
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        let due = self.places.iter().filter_map(|place| match place.state {
            State::Empty(until) => Some(until),
            _ => None,
        });
        self.pipe.wait(due.min())?;
        let Workers { places, broken, statistics, .. } = self;
        self.children.reap(|worker| {
            places[worker.what - 1].has_lost(&worker, statistics);
            *broken = broken.take().or_else(|| what_broke(worker.status));
        });
        Ok(())
    }
    // ANCHOR_END: wait

    /// The end of the server: stops listening, lets each worker answer what its client has already
    /// sent, and kills those that are left after `timeout`.
    ///
    /// # Errors
    ///
    /// What broke a listener, where that is why the server ends, and those of `poll(2)` and
    /// `getrusage(2)`.
    pub(crate) fn drain(self, timeout: Duration) -> io::Result<Report> {
        let Workers { places, mut children, listeners, statistics, broken, .. } = self;
        drop(listeners);
        let on_end =
            |worker: Ended<usize>| places[worker.what - 1].close_client(&worker, statistics);
        if children.ask_to_end(timeout, on_end)? > 0 {
            match places.iter().filter(|place| place.serving.client().is_some()).count() {
                // Workers that stand still, with nobody to serve.
                0 => {}
                serving => log_cut(serving, timeout),
            }
            children.kill(on_end)?;
        }
        broken.map_or(Ok(()), Err)?;
        Report::new(statistics)
    }
}

impl Place {
    /// Its worker has ended, and another is to follow.
    fn has_lost(&mut self, worker: &Ended<usize>, statistics: &Statistics) {
        self.close_client(worker, statistics);
        let Ended { process, what: number, .. } = worker;
        let now = Instant::now();
        let died_at_once = matches!(self.state, State::Taken(since) if now - since < AT_ONCE);
        let (due, when) = if died_at_once { (now + AT_ONCE, " in a while") } else { (now, "") };
        self.state = State::Empty(due);
        match worker.killed_by() {
            Some(signal) => warn!(
                event = "worker died",
                "worker {number}, process {process}, was killed by {signal}: another follows{when}"
            ),
            None => info!(event = "worker ended", "worker {number}, process {process}, has ended"),
        }
    }

    /// What a worker that was killed has not done any more: to count and log its client's end.
    fn close_client(&self, worker: &Ended<usize>, statistics: &Statistics) {
        if let (Some(signal), Some(client)) = (worker.killed_by(), self.serving.client()) {
            log_killed(worker.process, client, signal, statistics);
            self.serving.end();
        }
    }
}

/// The status of a process that a panic has ended.
const PANICKED: i32 = 101;

/// The error that a worker's status stands for: its listener is broken, and so is everybody's.
fn what_broke(status: WaitStatus) -> Option<io::Error> {
    match status {
        WaitStatus::Exited(_, number @ 1..) if number != PANICKED => {
            Some(io::Error::from_raw_os_error(number))
        }
        _ => None,
    }
}

/// The status of a worker that ends for this reason.
pub(crate) fn status_for(outcome: &io::Result<()>) -> i32 {
    outcome.as_ref().map_or_else(|error| error.raw_os_error().unwrap_or(EIO), |()| 0)
}
