//! The floor: a server that does nothing for its clients but answer.
//!
//! One thread accepts, and sends what it reads back without looking at it. It knows no messages:
//! a read of fewer bytes than [`MESSAGE_SIZE`] is the end. What the client reaches against it, the
//! client can reach: a model that stays far below is not held up by the client.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;

use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token};
use server_core::{
    AtOnce, Model, Options, Properties, Report, SelfPipe, Shutdown, Statistics, Unit,
};

/// How many bytes a message of the lab's has, its line feed included.
pub const MESSAGE_SIZE: usize = 16;

/// The floor in the form of a model. Its options are there for the form only.
pub const MODEL: Model = Model {
    name: "floor",
    about: "The server below which no server can be: accepts and answers, without a protocol",
    unit: Unit::None,
    at_once: AtOnce::All,
    properties: Properties::NONE,
    run,
    bare: |listener, options| run(listener, options).map(drop),
};

const LISTENER: Token = Token(0);
const SHUTDOWN: Token = Token(1);

/// Serves until a shutdown signal, and then ends at once.
///
/// # Errors
///
/// When anything but a client fails.
pub fn run(listener: TcpListener, _: &Options) -> io::Result<Report> {
    listener.set_nonblocking(true)?;
    let statistics = Statistics::default();
    let (shutdown, pipe) = (Shutdown::get()?, SelfPipe::new()?);
    pipe.waker().wake_on(Shutdown::signals())?;
    let mut poll = Poll::new()?;
    let mut listener = mio::net::TcpListener::from_std(listener);
    let mut wakeups = UnixStream::from_std(pipe.wakeups()?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry().register(&mut wakeups, SHUTDOWN, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut clients = Vec::new();
    while !shutdown.requested() {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => accept(&listener, &poll, &mut clients, &statistics)?,
                SHUTDOWN => {}
                Token(client) => answer(&mut clients[client]),
            }
        }
    }
    Report::new(&statistics)
}

/// Accepts all clients that wait. Each is kept at the index of its descriptor.
fn accept(
    listener: &mio::net::TcpListener,
    poll: &Poll,
    clients: &mut Vec<Option<TcpStream>>,
    statistics: &Statistics,
) -> io::Result<()> {
    loop {
        let (mut stream, _) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        statistics.opened();
        let index = stream.as_raw_fd().unsigned_abs() as usize;
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        if clients.len() <= index {
            clients.resize_with(index + 1, || None);
        }
        clients[index] = Some(stream);
    }
}

/// Sends back what one read returns, or closes the connection if that is less than a message.
fn answer(client: &mut Option<TcpStream>) {
    let Some(stream) = client else { return };
    let mut message = [0; 4 * MESSAGE_SIZE];
    let answered = stream.read(&mut message).and_then(|count| match count {
        MESSAGE_SIZE.. => stream.write_all(&message[..count]),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    });
    match answered {
        Err(error) if error.kind() != ErrorKind::WouldBlock => *client = None,
        _ => {}
    }
}
