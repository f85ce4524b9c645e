//! The places for workers: which worker is in each, and when an empty place is filled again.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::libc::EIO;
use nix::unistd::Pid;
use server_core::{Children, Ended, Options, Report, SelfPipe, Shutdown};
use server_core::{Statistics, log_cut, shared_words};
use tracing::{info, warn};

use crate::listeners::Listeners;

/// A worker that lived no longer than this died at once, and the next one starts after the same time.
const AT_ONCE: Duration = Duration::from_secs(1);

pub(crate) struct Workers {
    places: Vec<Place>,
    children: Children<usize>,
    pipe: Arc<SelfPipe>,
    shutdown: &'static Shutdown,
    listeners: Listeners,
    statistics: &'static Statistics,
    /// The number of the error that broke a listener, written by the worker that has met it, or 0.
    broken: &'static AtomicU64,
}

/// A worker, or a place for one.
struct Place {
    /// When its worker started, if it has one.
    since: Option<Instant>,
    /// When the next worker may start; nothing where there was none yet.
    not_before: Option<Instant>,
    /// 1 while its worker serves a client, in shared memory: it stays when the worker is killed.
    serves: &'static AtomicU64,
}

impl Workers {
    /// A place for each worker, all of them empty.
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
        pipe.waker().wake_on(Shutdown::signals())?;
        let (children, shutdown) = (Children::new(Arc::clone(&pipe))?, Shutdown::get()?);
        let (broken, words) = (&shared_words(1)?[0], shared_words(options.workers)?);
        let place = |serves| Place { since: None, not_before: None, serves };
        let places = words.iter().map(place).collect();
        Ok(Workers { places, children, pipe, shutdown, listeners, statistics, broken })
    }

    /// Whether it is time for the end: the shutdown was requested or a listener is broken.
    pub(crate) fn are_done(&self) -> bool {
        self.shutdown.requested() || self.broken.load(Ordering::SeqCst) != 0
    }

    /// The number, from 1 on, of a place that is to have a worker now.
    pub(crate) fn vacancy(&self) -> Option<usize> {
        let now = Instant::now();
        let is_due = |place: &Place| {
            place.since.is_none() && place.not_before.is_none_or(|moment| moment <= now)
        };
        let place = self.places.iter().position(is_due).filter(|_| !self.are_done());
        place.map(|place| place + 1)
    }

    /// What a worker accepts from.
    pub(crate) fn listener(&self, number: usize) -> &TcpListener {
        self.listeners.of_worker(number)
    }

    /// Where a worker says whether it serves a client: 1 if it does. Its parent has the same memory.
    pub(crate) fn serves(&self, number: usize) -> &'static AtomicU64 {
        self.places[number - 1].serves
    }

    /// Where a worker reports that its listener is broken. Its parent ends the server then, since the
    /// listener is the same for all workers, or for the next one in this place.
    pub(crate) fn report_broken(&self, error: io::Error) -> io::Error {
        let number = error.raw_os_error().unwrap_or(EIO);
        self.broken.store(number.unsigned_abs().into(), Ordering::SeqCst);
        error
    }

    /// Takes note of a worker that was just forked.
    pub(crate) fn started(&mut self, number: usize, worker: Pid) {
        self.places[number - 1].since = Some(Instant::now());
        self.children.insert(worker, number);
    }

    /// Takes note that a worker could not be forked: another try follows after a while.
    ///
    /// # Errors
    ///
    /// When the first worker of a place cannot start: the system has no room for that many.
    pub(crate) fn not_started(&mut self, number: usize, error: io::Error) -> io::Result<()> {
        if self.places[number - 1].not_before.is_none() {
            self.children.kill(drop)?;
            let what = format!("cannot start worker {number} of {}: {error}", self.places.len());
            return Err(io::Error::other(what));
        }
        let soon = Some(Instant::now() + AT_ONCE);
        let empty = self.places.iter_mut().filter(|place| place.since.is_none());
        empty.for_each(|place| place.not_before = soon);
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
        let empty = self.places.iter().filter(|place| place.since.is_none());
        self.pipe.wait(empty.filter_map(|place| place.not_before).min())?;
        let Workers { places, children, statistics, .. } = self;
        children.reap(|worker| places[worker.what - 1].has_lost(&worker, statistics));
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
        let left = children.ask_to_end(timeout, |worker: Ended<usize>| {
            places[worker.what - 1].close_client(&worker, statistics);
        })?;
        if left > 0 {
            match places.iter().filter(|place| place.serves.load(Ordering::SeqCst) != 0).count() {
                // Workers that stand still, with no client.
                0 => {}
                serving => log_cut(serving, timeout),
            }
            children.kill(drop)?;
        }
        match i32::try_from(broken.load(Ordering::SeqCst)).unwrap_or_default() {
            0 => Report::new(statistics),
            number => Err(io::Error::from_raw_os_error(number)),
        }
    }
}

impl Place {
    /// Notes that its worker has ended, in any way, and when the next one may start.
    fn has_lost(&mut self, worker: &Ended<usize>, statistics: &Statistics) {
        let Ended { process, what: number, .. } = worker;
        let now = Instant::now();
        let died_at_once = self.since.take().is_some_and(|since| now - since < AT_ONCE);
        let (due, when) = if died_at_once { (now + AT_ONCE, " in a while") } else { (now, "") };
        self.not_before = Some(due);
        let serving = match self.close_client(worker, statistics) {
            true => " while it served a client",
            false => "",
        };
        match worker.killed_by() {
            Some(signal) => warn!(
                event = "worker died",
                "worker {number}, process {process}, was killed by {signal}{serving}: another follows{when}"
            ),
            None => info!(event = "worker ended", "worker {number}, process {process}, has ended"),
        }
    }

    /// Whether the worker was killed while it served a client. If so, counts that client as closed.
    fn close_client(&self, worker: &Ended<usize>, statistics: &Statistics) -> bool {
        let served = self.serves.swap(0, Ordering::SeqCst) != 0 && worker.killed_by().is_some();
        if served {
            statistics.closed();
        }
        served
    }
}
