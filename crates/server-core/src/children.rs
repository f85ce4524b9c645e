//! The child processes of a server that forks: the counterpart of threads to join.

use std::collections::HashMap;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use signal_hook::consts::SIGCHLD;

use crate::{SelfPipe, Shutdown};

/// The children of this process, and what each is to it.
#[derive(Debug)]
pub struct Children<T> {
    all: HashMap<Pid, T>,
    /// Wakes what waits for a child's end: the acceptor or the drain.
    pipe: Arc<SelfPipe>,
    /// Set by SIGCHLD. One signal may stand for many children.
    some_ended: Arc<AtomicBool>,
}

/// A child that has ended.
#[derive(Debug)]
pub struct Ended<T> {
    /// Its number. The kernel may give it to another process soon.
    pub process: Pid,
    /// What it was to its parent.
    pub what: T,
    /// How it ended.
    pub status: WaitStatus,
}

impl<T> Children<T> {
    /// None yet. Each end of one wakes `pipe`.
    ///
    /// # Errors
    ///
    /// When SIGCHLD cannot be caught.
    pub fn new(pipe: Arc<SelfPipe>) -> io::Result<Self> {
        let some_ended = Arc::new(AtomicBool::new(false));
        // A second request must find them, to end them first.
        Shutdown::get()?.report_repeats();
        signal_hook::flag::register(SIGCHLD, Arc::clone(&some_ended))?;
        pipe.waker().wake_on(&[SIGCHLD])?;
        Ok(Children { all: HashMap::new(), pipe, some_ended })
    }

    /// Takes note of a child that was just forked.
    pub fn insert(&mut self, child: Pid, what: T) {
        self.all.insert(child, what);
    }

    // ANCHOR: reap
    /// Reaps the children that have ended, calls `on_end` for each, and returns how many are alive.
    pub fn reap(&mut self, mut on_end: impl FnMut(Ended<T>)) -> usize {
        if self.some_ended.swap(false, Ordering::SeqCst) {
            while !self.all.is_empty()
                && let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG))
                && let Some(process) = status.pid()
            {
                if let Some(what) = self.all.remove(&process) {
                    on_end(Ended { process, what, status });
                }
            }
        }
        self.all.len()
    }
    // ANCHOR_END: reap

    /// Asks all to end, by SIGTERM, and blocks until they have or `timeout` is over. Returns how many
    /// are left. A second request kills them, and ends this process as a signal would.
    ///
    /// # Errors
    ///
    /// Those of `poll(2)`.
    // ANCHOR: drain
    pub fn ask_to_end(
        &mut self,
        timeout: Duration,
        mut on_end: impl FnMut(Ended<T>),
    ) -> io::Result<usize> {
        let shutdown = Shutdown::get()?;
        let end = shutdown.drain_end(timeout);
        let is_over = || Instant::now() >= end || shutdown.repeated().is_some();
        self.send(Signal::SIGTERM);
        while self.reap(&mut on_end) > 0 && !is_over() {
            self.pipe.wait(Some(end))?;
        }
        if let Some(status) = shutdown.repeated() {
            self.send(Signal::SIGKILL);
            process::exit(status);
        }
        Ok(self.all.len())
    }
    // ANCHOR_END: drain

    /// Kills those that are left, and blocks until they have gone.
    ///
    /// # Errors
    ///
    /// Those of `poll(2)`.
    pub fn kill(&mut self, mut on_end: impl FnMut(Ended<T>)) -> io::Result<()> {
        self.send(Signal::SIGKILL);
        while self.reap(&mut on_end) > 0 {
            self.pipe.wait(None)?;
        }
        Ok(())
    }

    /// A child that has ended is a zombie until it is reaped, so its number is still its own.
    fn send(&self, signal: Signal) {
        for child in self.all.keys() {
            let _ = kill(*child, signal);
        }
    }
}

impl<T> Ended<T> {
    /// The signal that killed it, if one did.
    pub fn killed_by(&self) -> Option<Signal> {
        match self.status {
            WaitStatus::Signaled(_, signal, _) => Some(signal),
            _ => None,
        }
    }
}
