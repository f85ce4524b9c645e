//! Build a piece: a loop for each CPU, and one thread that accepts for all of them.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;

/// What the event is called that tells a loop of clients in its inbox. Those of a client are called by its
/// key in the slab.
const HANDED: Token = Token(usize::MAX);

/// What a message is answered with. It may take its time: it computes in the loop's thread.
pub(crate) type Answer = fn(&[u8]) -> Vec<u8>;

/// The way to a loop that may be asleep.
pub(crate) struct Inbox {
    clients: Sender<TcpStream>,
    waker: Waker,
}

/// Serves all clients for ever, with `count` loops. This thread accepts them, and hands them out in turn.
pub(crate) fn run(listener: std::net::TcpListener, count: usize, answer: Answer) -> io::Result<()> {
    let loops = (0..count).map(|_| start(answer)).collect::<io::Result<Vec<_>>>()?;
    for (stream, next) in listener.incoming().zip(loops.iter().cycle()) {
        next.hand(stream?)?;
    }
    Ok(())
}

impl Inbox {
    /// Hands a client to the loop, and wakes it.
    fn hand(&self, stream: std::net::TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        self.clients.send(TcpStream::from_std(stream)).map_err(io::Error::other)?;
        self.waker.wake()
    }
}

/// Starts a loop in a thread of its own.
fn start(answer: Answer) -> io::Result<Inbox> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), HANDED)?;
    let (clients, handed) = channel();
    thread::spawn(move || serve(poll, &handed, answer));
    Ok(Inbox { clients, waker })
}

/// The loop.
fn serve(mut poll: Poll, handed: &Receiver<TcpStream>, answer: Answer) -> io::Result<()> {
    let (mut clients, mut events) = (Slab::new(), Events::with_capacity(256));
    loop {
        match poll.poll(&mut events, None) {
            // Such as by Ctrl-Z and `fg`.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                HANDED => take(handed, &mut clients, poll.registry())?,
                Token(key) => {
                    if reply(&mut clients[key], answer).is_err() {
                        clients.remove(key);
                    }
                }
            }
        }
    }
}

/// Takes all clients that have been handed over, since several may come with one event, and asks for their
/// events.
fn take(
    handed: &Receiver<TcpStream>,
    clients: &mut Slab<TcpStream>,
    registry: &Registry,
) -> io::Result<()> {
    for mut stream in handed.try_iter() {
        let place = clients.vacant_entry();
        registry.register(&mut stream, Token(place.key()), Interest::READABLE)?;
        place.insert(stream);
    }
    Ok(())
}

/// Answers all that has come. An error is the end of the connection, also where the client has left or said
/// `Bye`.
fn reply(stream: &mut TcpStream, answer: Answer) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(count) if count > 0 && !bytes[..count].ends_with(b"Bye\n") => {
                stream.write_all(&answer(&bytes[..count]))?;
            }
            end => return end.and(Err(ErrorKind::UnexpectedEof.into())),
        }
    }
}
