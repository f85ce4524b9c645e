//! The listening socket.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::Options;

/// How many connections the kernel keeps for us until we accept them.
///
/// The standard library asks for 128. A burst overflows that, and each overflow costs a client a
/// second until its kernel tries again. Linux caps the number at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Binds `address` and listens on it, with room for bursts, and again at once after a restart.
///
/// # Errors
///
/// Those of `socket(2)`, `bind(2)` and `listen(2)`, above all an address in use.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of an earlier server linger in TIME_WAIT; they shall not block this one's start.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes `accept` on this listener return instead of block, and every accepted connection send
/// without delay (`TCP_NODELAY`) and give up after `--idle-timeout`.
///
/// Linux copies these options from the listener to each connection, which saves three system
/// calls for each; on other systems [`Acceptor`](crate::Acceptor) sets them once more.
///
/// # Errors
///
/// Those of `setsockopt(2)` and `fcntl(2)`.
pub fn prepare(listener: &TcpListener, options: &Options) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    set_connection_options(&SockRef::from(listener), options)
}

pub(crate) fn set_connection_options(socket: &SockRef<'_>, options: &Options) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(options.idle_timeout))?;
    socket.set_write_timeout(Some(options.idle_timeout))
}
