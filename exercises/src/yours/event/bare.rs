//! Build a piece: one thread that asks the kernel who has something to say.

use std::io::{self, ErrorKind};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

/// What events of the listener are called. Those of a client are called by its key in the slab.
const LISTENER: Token = Token(usize::MAX);

/// Serves all clients for ever, and waits in one place for all of them.
///
/// As it stands, it does not look at the clients' events.
pub(crate) fn run(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut clients, mut events) = (Slab::new(), Events::with_capacity(256));
    loop {
        match poll.poll(&mut events, None) {
            // Such as by Ctrl-Z and `fg`.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &mut clients, poll.registry())?;
            }
        }
    }
}

/// Takes all who wait, since the kernel tells of them once, and asks for their events.
///
/// As it stands, it keeps nobody, and so each connection closes at once.
fn accept(
    listener: &TcpListener,
    clients: &mut Slab<TcpStream>,
    registry: &Registry,
) -> io::Result<()> {
    let _ = (clients, registry);
    loop {
        match listener.accept() {
            Ok((stream, _)) => drop(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Sends back all that has come. An error is the end of the connection, also where the client has left or
/// said `Bye`.
///
/// As it stands, it does nothing, and nobody calls it.
fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let _ = stream;
    Ok(())
}
