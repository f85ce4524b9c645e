//! One thread that asks the kernel who has something to say.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);

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
            match event.token() {
                LISTENER => accept(&listener, &mut clients, poll.registry())?,
                Token(key) => {
                    if echo(&mut clients[key]).is_err() {
                        clients.remove(key);
                    }
                }
            }
        }
    }
}

/// Accepts all clients that wait: the kernel reports them once.
fn accept(
    listener: &TcpListener,
    clients: &mut Slab<TcpStream>,
    registry: &Registry,
) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let place = clients.vacant_entry();
                registry.register(&mut stream, Token(place.key()), Interest::READABLE)?;
                place.insert(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Sends back all that has come. An error is the end of the connection.
fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(count) if count > 0 && !bytes[..count].ends_with(b"Bye\n") => {
                stream.write_all(&bytes[..count])?;
            }
            end => return end.and(Err(ErrorKind::UnexpectedEof.into())),
        }
    }
}
