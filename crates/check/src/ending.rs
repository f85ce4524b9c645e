//! How a server ends, and begins again. Each case starts one of its own.

use std::io;
use std::net::SocketAddr;

use nix::sys::signal::Signal;
use server_process::ServerProcess;

use super::Target;
use super::peer::{Difference, Peer};

/// Starts another server like the target.
fn start(
    target: &Target,
    address: Option<SocketAddr>,
) -> Result<(ServerProcess, Target), Difference> {
    let started = match (&target.start, address) {
        (None, _) => Err(io::Error::other("how it is started is not known")),
        (Some(command), None) => command.start(),
        (Some(command), Some(address)) => command.start_at(address),
    };
    let server = started.map_err(|error| Difference::of_a_start(&error))?;
    let target = Target { address: server.address(), ..target.clone() };
    Ok((server, target))
}

/// Asks it to end.
fn terminate(server: &ServerProcess) -> Result<(), Difference> {
    server.signal(Signal::SIGTERM).map_err(|error| Difference::of_a_look(&error))
}

/// Waits for its end with status 0, for twice the patience.
fn expect_status_0(mut server: ServerProcess, target: &Target) -> Result<(), Difference> {
    let within = 2 * target.patience;
    let status = server.wait_within(within).map_err(|error| Difference::of_a_look(&error))?;
    let received = match status {
        Some(status) if status.success() => return Ok(()),
        Some(status) => format!("an end with {status}"),
        None => format!("no end within {}", humantime::format_duration(within)),
    };
    let (sent, expected) =
        ("SIGTERM".to_owned(), "the end of its process, with status 0".to_owned());
    Err(Difference { sent, expected, received })
}

/// It stands still while they come and while the signal does, so that they wait for it when it goes on.
pub(super) fn answers_what_was_sent(target: &Target) -> Result<(), Difference> {
    let (server, target) = start(target, None)?;
    let mut peer = Peer::connect(&target)?;
    peer.exchange("the first\n")?;
    server.pause().map_err(|error| Difference::of_a_look(&error))?;
    let sent: String = (1..=100).map(|number| format!("message {number}\n")).collect();
    peer.send(&sent);
    terminate(&server)?;
    server.resume().map_err(|error| Difference::of_a_look(&error))?;
    peer.expect(&sent).map_err(|it| it.beside("SIGTERM right behind them"))?;
    // Where several threads wake up with the signal, one may have got it that passes it on to another
    // which has fallen asleep again: so it is with Python's. It is told once more, if nothing comes.
    if peer.is_silent() {
        terminate(&server)?;
    }
    peer.expect_end("").map_err(|it| it.beside("SIGTERM right behind them"))
}

pub(super) fn status(target: &Target) -> Result<(), Difference> {
    let (server, target) = start(target, None)?;
    let mut idle = Peer::connect(&target)?;
    idle.exchange("hello\n")?;
    let silent = Peer::connect(&target)?;
    terminate(&server)?;
    idle.expect_end("").map_err(|it| it.beside("SIGTERM"))?;
    let ended = expect_status_0(server, &target);
    drop(silent);
    ended
}

/// The server closes first, so that its end of the connection is the one that lingers.
pub(super) fn restart(target: &Target) -> Result<(), Difference> {
    let (mut server, first) = start(target, None)?;
    let mut peer = Peer::connect(&first)?;
    peer.exchange("hello\n")?;
    terminate(&server)?;
    let _ = server.wait_within(target.patience);
    // A server that does not end is ended: what is asked here is whether the next one can listen.
    drop(server);
    let (_next, next) = start(target, Some(first.address))?;
    let mut peer = Peer::connect(&next)?;
    peer.exchange("hello again\n").map_err(|it| it.beside("a new start on the same port"))
}
