//! An event loop in a page, over `poll(2)`, for the bugs of such loops. There is no bug in it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Asks who is ready for `interest`, and lets those who have sent something be answered.
pub(crate) fn run(
    listener: &TcpListener,
    interest: PollFlags,
    answer: fn(&TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    let mut clients: Vec<TcpStream> = Vec::new();
    loop {
        let mut sockets = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        sockets.extend(clients.iter().map(|client| PollFd::new(client.as_fd(), interest)));
        poll(&mut sockets, PollTimeout::NONE)?;
        let has_sent =
            |it: &PollFd<'_>| it.revents().is_some_and(|it| it.contains(PollFlags::POLLIN));
        let ready: Vec<bool> = sockets.iter().map(has_sent).collect();
        let mut ready = ready.into_iter();
        let somebody_came = ready.next() == Some(true);
        clients.retain(|client| ready.next() != Some(true) || answer(client).is_ok());
        if somebody_came {
            clients.push(listener.accept()?.0);
        }
    }
}

/// Sends back what has come. An error is the end of the connection.
pub(crate) fn echo(mut client: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; 1024];
    match client.read(&mut bytes)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count if bytes[..count].ends_with(b"Bye\n") => Err(ErrorKind::UnexpectedEof.into()),
        count => client.write_all(&bytes[..count]),
    }
}
