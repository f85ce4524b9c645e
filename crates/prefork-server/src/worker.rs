//! What one worker does, in a process of its own.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{process, thread};

use nix::libc::EIO;
use nix::unistd::close;
use server_core::{AcceptPolicy, Options, Session, Shutdown, SoleConnection, Statistics, accept};
use signal_hook::low_level::register;

/// What a worker has from its parent.
pub(crate) struct Equipment<'a> {
    pub(crate) number: usize,
    pub(crate) listener: &'a TcpListener,
    /// Where it tells its parent that it serves a client.
    pub(crate) serves: &'static AtomicU64,
    /// Where it tells its parent that its listener is broken, and by which error.
    pub(crate) broken: &'static AtomicU64,
}

/// Takes a client, serves it to its end, and takes the next, until a shutdown signal.
///
/// # Errors
///
/// When its listener breaks, of which it tells its parent, or it cannot start.
pub(crate) fn work(
    Equipment { number, listener, serves, broken }: &Equipment<'_>,
    statistics: &Statistics,
    options: &Options,
) -> io::Result<()> {
    let (shutdown, connection) = (Shutdown::get()?, SoleConnection::new()?);
    close_at_shutdown(listener)?;
    let mut policy = AcceptPolicy::default();
    let who = format!("worker {number}, process {}", process::id());
    // ANCHOR: work
    while !shutdown.requested() {
        match accept(listener, options) {
            Ok((stream, peer)) => {
                serves.store(1, Ordering::SeqCst);
                let mut session = Session::new(options, statistics);
                connection.serve(&stream, peer, &who, &mut session);
                serves.store(0, Ordering::SeqCst);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The signal's handler has closed the listener.
            Err(_) if shutdown.requested() => {}
            Err(error) => match policy.pause_after(&error) {
                Some(pause) => thread::sleep(pause),
                None => return Err(tell(broken, error)),
            },
        }
    }
    // ANCHOR_END: work
    Ok(())
}

/// Tells the parent that the listener is broken: it is the same one for all, or for the next worker.
fn tell(broken: &AtomicU64, error: io::Error) -> io::Error {
    let number = error.raw_os_error().unwrap_or(EIO);
    broken.store(number.unsigned_abs().into(), Ordering::SeqCst);
    error
}

/// Lets a shutdown signal close this worker's listener: an `accept` that waits fails then, and one that
/// the signal comes just before cannot begin to wait.
#[allow(unsafe_code)]
fn close_at_shutdown(listener: &TcpListener) -> io::Result<()> {
    let descriptor = listener.as_raw_fd();
    for signal in Shutdown::signals() {
        let close = move || {
            let _ = close(descriptor);
        };
        // SAFETY: the handler makes one system call, close(2). Nobody uses the number after that: this
        // process opens nothing more, and it ends without closing its listener again.
        unsafe { register(*signal, close)? };
    }
    Ok(())
}
