//! The children of the server, each with its client: the counterpart of threads to join.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use server_core::{Acceptor, ConnectionError, Report, SelfPipe, Shutdown, Statistics};
use server_core::{log_cut, log_end};
use signal_hook::consts::SIGCHLD;

pub(crate) struct Children {
    clients: HashMap<Pid, SocketAddr>,
    statistics: &'static Statistics,
    /// Wakes the acceptor, and the drain, at SIGCHLD.
    pipe: Arc<SelfPipe>,
    /// Set by SIGCHLD. One signal may stand for many children.
    some_ended: Arc<AtomicBool>,
}

impl Children {
    pub(crate) fn new(acceptor: &Acceptor, statistics: &'static Statistics) -> io::Result<Self> {
        let some_ended = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGCHLD, Arc::clone(&some_ended))?;
        acceptor.waker().wake_on(&[SIGCHLD])?;
        Ok(Children { clients: HashMap::new(), statistics, pipe: acceptor.pipe(), some_ended })
    }

    pub(crate) fn insert(&mut self, child: Pid, client: SocketAddr) {
        self.clients.insert(child, client);
    }

    // ANCHOR: reap
    /// Reaps the children that have ended, and says how many are alive.
    pub(crate) fn reap(&mut self) -> usize {
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
            let killed = Err(ConnectionError::Killed(signal.as_str()));
            log_end(format_args!("process {child}"), client, &killed, self.statistics);
        }
    }

    /// The end of the server: stops listening, lets each child answer what its client has already
    /// sent, and kills those that are left after `timeout`. Blocks for that long at most. A second
    /// shutdown signal kills them at once, and ends this process as a signal would.
    // ANCHOR: drain
    pub(crate) fn drain(mut self, acceptor: Acceptor, timeout: Duration) -> io::Result<Report> {
        let closed = acceptor.close();
        let end = Instant::now() + timeout;
        let shutdown = Shutdown::get()?;
        shutdown.take_request();
        self.send(Signal::SIGTERM);
        while self.reap() > 0 && Instant::now() < end && !shutdown.requested() {
            self.pipe.wait(Some(end))?;
        }
        self.send(Signal::SIGKILL);
        // ANCHOR_END: drain
        if let Some(status) = shutdown.take_request() {
            process::exit(status);
        }
        if !self.clients.is_empty() {
            log_cut(self.clients.len(), timeout);
        }
        while self.reap() > 0 {
            self.pipe.wait(None)?;
        }
        closed?;
        Report::new(self.statistics)
    }

    /// A child that has ended is a zombie until it is reaped, so its number is still its own.
    fn send(&self, signal: Signal) {
        for child in self.clients.keys() {
            let _ = kill(*child, signal);
        }
    }
}
