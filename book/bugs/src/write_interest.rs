//! Event loop. The kernel is asked to tell when it takes bytes, and there are none to give.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    let mut clients: Vec<TcpStream> = Vec::new();
    loop {
        let input = PollFlags::POLLIN;
        // ANCHOR: bug
        let interest = input | PollFlags::POLLOUT; // BUG: it is never taken back
        let mut sockets = vec![PollFd::new(listener.as_fd(), input)];
        sockets.extend(clients.iter().map(|client| PollFd::new(client.as_fd(), interest)));
        poll(&mut sockets, PollTimeout::NONE)?; // returns at once: there is always room
        // ANCHOR_END: bug
        let ready = sockets.iter().map(|it| it.revents().is_some_and(|it| it.intersects(input)));
        let ready: Vec<bool> = ready.collect();
        let mut ready = ready.into_iter();
        let somebody_came = ready.next() == Some(true);
        clients.retain(|client| ready.next() != Some(true) || echo(client).is_ok());
        if somebody_came {
            clients.push(listener.accept()?.0);
        }
    }
}

/// Sends back what has come. An error is the end of the connection.
fn echo(mut client: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; 1024];
    match client.read(&mut bytes)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count if bytes[..count].ends_with(b"Bye\n") => Err(io::ErrorKind::UnexpectedEof.into()),
        count => client.write_all(&bytes[..count]),
    }
}
