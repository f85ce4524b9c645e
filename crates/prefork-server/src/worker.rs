//! What one worker does, in a process of its own.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::{process, thread};

use server_core::{AcceptPolicy, Options, Session, Shutdown, SoleConnection, Statistics, accept};

use crate::serving::Serving;

/// Takes a client, serves it to its end, and takes the next, until a shutdown signal.
///
/// # Errors
///
/// When it cannot start, or its listener breaks.
// ANCHOR: work
pub(crate) fn work(
    number: usize,
    listener: &TcpListener,
    serving: Serving,
    statistics: &Statistics,
    options: &Options,
) -> io::Result<()> {
    let (shutdown, connection) = (Shutdown::get()?, SoleConnection::new()?);
    let mut policy = AcceptPolicy::default();
    let who = format_args!("worker {number}, process {}", process::id()).to_string();
    while !shutdown.requested() {
        match accept(listener, options) {
            Ok((stream, peer)) => {
                serving.begin(peer);
                let mut session = Session::new(options, statistics);
                connection.serve(&stream, peer, &who, &mut session);
                serving.end();
            }
            // ANCHOR_END: work
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // Its parent has closed the listener for all.
            Err(_) if shutdown.requested() => {}
            Err(error) => thread::sleep(policy.pause_after(&error).ok_or(error)?),
        }
    }
    Ok(())
}
