//! The children of the server, each with its client: the counterpart of threads to join.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use server_core::{ConnectionError, ShutdownSignal, Statistics, log_cut, log_end};
use signal_hook::consts::SIGCHLD;

pub(crate) struct Children {
    clients: HashMap<Pid, SocketAddr>,
    statistics: &'static Statistics,
    signal: &'static ShutdownSignal,
    /// Set by SIGCHLD. One signal may stand for many children.
    some_ended: Arc<AtomicBool>,
}

impl Children {
    pub(crate) fn new(statistics: &'static Statistics) -> io::Result<Self> {
        let signal = ShutdownSignal::get()?;
        let some_ended = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGCHLD, Arc::clone(&some_ended))?;
        signal_hook::low_level::pipe::register(SIGCHLD, signal.waker().descriptor()?)?;
        Ok(Children { clients: HashMap::new(), statistics, signal, some_ended })
    }

    pub(crate) fn insert(&mut self, child: Pid, client: SocketAddr) {
        self.clients.insert(child, client);
    }

    // ANCHOR: reap
    /// How many children are alive. Reaps those that have ended.
    pub(crate) fn open(&mut self) -> usize {
        if self.some_ended.swap(false, Ordering::SeqCst) {
            while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                let Some(child) = status.pid() else { break };
                self.forget(child, status);
            }
        }
        self.clients.len()
    }
    // ANCHOR_END: reap

    fn forget(&mut self, child: Pid, status: WaitStatus) {
        let Some(client) = self.clients.remove(&child) else {
            return;
        };
        // A child that was not killed has counted and logged its own end.
        if let WaitStatus::Signaled(_, signal, _) = status {
            self.statistics.closed();
            let who = format_args!("process {child}");
            log_end(who, client, &Err(ConnectionError::Killed(signal.as_str())));
        }
    }

    /// Lets each child answer what its client has already sent, waits for their end, and kills
    /// those that are left after `timeout`. Blocks for that long at most.
    // ANCHOR: drain
    pub(crate) fn drain(&mut self, timeout: Duration) -> io::Result<()> {
        let end = Instant::now() + timeout;
        self.signal.drain_begins();
        self.send(Signal::SIGTERM);
        while self.open() > 0 && Instant::now() < end {
            self.signal.wait(Some(end))?;
        }
        if self.open() > 0 {
            log_cut(self.clients.len(), timeout);
            self.send(Signal::SIGKILL);
        }
        // ANCHOR_END: drain
        while self.open() > 0 {
            self.signal.wait(None)?;
        }
        Ok(())
    }

    /// A child that has ended is a zombie until it is reaped, so its number is still its own.
    fn send(&self, signal: Signal) {
        for child in self.clients.keys() {
            let _ = kill(*child, signal);
        }
    }
}
