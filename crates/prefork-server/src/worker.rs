//! What one worker does, in a process of its own.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::{process, thread};

use nix::unistd::close;
use server_core::{AcceptPolicy, Options, SHUTDOWN_SIGNALS, Session, Shutdown, SoleConnection};
use server_core::{Statistics, accept};
use signal_hook::low_level::register;

use crate::serving::Serving;

/// Takes a client, serves it to its end, and takes the next, until a shutdown signal.
///
/// # Errors
///
/// When it cannot start, or its listener breaks.
pub(crate) fn work(
    number: usize,
    listener: &TcpListener,
    serving: Serving,
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
                serving.begin(peer);
                let mut session = Session::new(options, statistics);
                connection.serve(&stream, peer, &who, &mut session);
                serving.end();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The signal's handler has closed the listener.
            Err(_) if shutdown.requested() => {}
            Err(error) => thread::sleep(policy.pause_after(&error).ok_or(error)?),
        }
    }
    // ANCHOR_END: work
    Ok(())
}

/// Lets a shutdown signal close this worker's listener: an `accept` that waits fails then, and one that
/// the signal comes just before cannot begin to wait.
#[allow(unsafe_code)]
fn close_at_shutdown(listener: &TcpListener) -> io::Result<()> {
    let descriptor = listener.as_raw_fd();
    for signal in SHUTDOWN_SIGNALS {
        let close = move || {
            let _ = close(descriptor);
        };
        // SAFETY: the handler makes one system call, close(2). Nobody uses the number after that: this
        // process opens nothing more, and it ends without closing its listener again.
        unsafe { register(signal, close)? };
    }
    Ok(())
}
