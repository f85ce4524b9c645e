//! A process that serves one connection at a time, and how its signal handlers reach it.

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use nix::libc::{ITIMER_REAL, itimerval, setitimer, timeval};
use nix::sys::socket;
use signal_hook::consts::SIGALRM;
use signal_hook::flag;
use signal_hook::low_level::register;

use crate::end_of_input::end_input;
use crate::{Aftermath, Session, Shutdown, converse, linger, log_cut};

/// The one connection that this process serves, if it serves one. A shutdown signal may come while
/// the only thread is blocked on its client: the signal's handler then ends the connection's input,
/// so that the read returns.
#[derive(Debug)]
pub struct SoleConnection {
    descriptor: Arc<AtomicI32>,
    shutdown: &'static Shutdown,
    /// How long it stays open after a shutdown signal, where this process itself sees to that.
    timeout: Option<Duration>,
    was_cut: Arc<AtomicBool>,
}

const NONE: i32 = -1;

impl SoleConnection {
    /// None yet.
    ///
    /// # Errors
    ///
    /// When a signal handler cannot be set up.
    pub fn new() -> io::Result<Self> {
        let sole = SoleConnection {
            descriptor: Arc::new(AtomicI32::new(NONE)),
            shutdown: Shutdown::get()?,
            timeout: None,
            was_cut: Arc::new(AtomicBool::new(false)),
        };
        // Elsewhere a handler looks for a drain itself: see `end_of_input`.
        #[cfg(target_os = "linux")]
        for signal in Shutdown::signals() {
            sole.end_on(*signal, socket::Shutdown::Read)?;
        }
        Ok(sole)
    }

    /// The same where no other process sees to the end of the drain: what is still open `timeout`
    /// after a shutdown signal is cut by a timer.
    ///
    /// # Errors
    ///
    /// When a signal handler cannot be set up.
    #[allow(unsafe_code)]
    pub fn cut_after(timeout: Duration) -> io::Result<Self> {
        let sole = SoleConnection { timeout: Some(timeout), ..SoleConnection::new()? };
        sole.end_on(SIGALRM, socket::Shutdown::Both)?;
        flag::register(SIGALRM, Arc::clone(&sole.was_cut))?;
        for signal in Shutdown::signals() {
            // SAFETY: the handler makes one system call, setitimer(2), on memory of its own. It is not on
            // the list of signal-safety(7), but no more than a system call on Linux, macOS and FreeBSD.
            unsafe { register(*signal, move || start_timer(timeout))? };
        }
        Ok(sole)
    }

    /// Makes a signal end the connection, or one direction of it.
    #[allow(unsafe_code)]
    fn end_on(&self, signal: i32, how: socket::Shutdown) -> io::Result<()> {
        let descriptor = Arc::clone(&self.descriptor);
        let end = move || {
            // Where there is no connection it fails, and nothing is to be ended.
            let _ = socket::shutdown(descriptor.load(Ordering::SeqCst), how);
        };
        // SAFETY: the handler loads an atomic and calls shutdown(2), both async-signal-safe.
        unsafe { register(signal, end)? };
        Ok(())
    }

    /// Serves a connection to its end, and counts it. `who` says in each log line what serves it.
    pub fn serve(
        &self,
        stream: &TcpStream,
        peer: SocketAddr,
        who: impl Display + Copy,
        session: &mut Session<'_>,
    ) {
        self.descriptor.store(stream.as_raw_fd(), Ordering::SeqCst);
        if self.shutdown.requested() {
            // The signal came before its handler could find the connection.
            end_input(stream);
        }
        session.statistics().opened();
        let draining = || self.shutdown.requested();
        if converse(stream, peer, who, session, &draining) == Aftermath::Linger {
            // A failure is not logged: the conversation is over.
            let _ = linger(stream);
        }
        session.statistics().closed();
        self.descriptor.store(NONE, Ordering::SeqCst);
        if let Some(timeout) = self.timeout.filter(|_| self.was_cut.load(Ordering::SeqCst)) {
            log_cut(1, timeout);
        }
    }
}

/// Raises SIGALRM after `time`. A timer of zero would never end.
#[allow(unsafe_code)]
fn start_timer(time: Duration) {
    let time = time.max(Duration::from_micros(1));
    let seconds = timeval { tv_sec: time.as_secs() as _, tv_usec: time.subsec_micros() as _ };
    let never = timeval { tv_sec: 0, tv_usec: 0 };
    let timer = itimerval { it_interval: never, it_value: seconds };
    // SAFETY: the call reads `timer`, which lives through it, and writes nothing back.
    unsafe { setitimer(ITIMER_REAL, &timer, ptr::null_mut()) };
}
