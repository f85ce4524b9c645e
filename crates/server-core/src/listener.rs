//! The listening socket.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::Options;
use crate::end_of_input::longest_read;

/// How many connections the kernel keeps for us until we accept them.
///
/// The standard library asks for 128. A burst overflows that, and each overflow costs a client a
/// second until its kernel tries again. Linux caps the number at `net.core.somaxconn`.
pub const BACKLOG: i32 = 4096;

/// Binds `--addr` and listens on it, with room for bursts, and again at once after a restart.
///
/// Every connection will send without delay (`TCP_NODELAY`) and give up after `--idle-timeout`.
/// Linux copies these options from the listener to each connection, which saves three system
/// calls a connection. It copies them when the connection is established, not when it is
/// accepted, so they are set before the first client can come. On other systems
/// [`Acceptor`](crate::Acceptor) sets them on each connection once more. A bare server waits without
/// an end, for its clients and at its blocking listener, whose `accept` would give up too.
///
/// # Errors
///
/// Those of `socket(2)`, `bind(2)` and `listen(2)`, above all an address in use.
pub fn bind(options: &Options) -> io::Result<TcpListener> {
    let domain = Domain::for_address(options.addr);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier server may be in TIME_WAIT; they must not prevent this one's start.
    socket.set_reuse_address(true)?;
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    set_connection_options(&SockRef::from(&socket), options)?;
    socket.bind(&options.addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

pub(crate) fn set_connection_options(socket: &SockRef<'_>, options: &Options) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if options.bare {
        return Ok(());
    }
    socket.set_read_timeout(Some(longest_read(options)))?;
    socket.set_write_timeout(Some(options.idle_timeout))
}

/// Waits in `accept(2)` itself, for a server whose processes all wait for clients of one listener: the
/// kernel wakes one of them, where it would wake all that poll. Blocks until a client comes, on Linux
/// for `--idle-timeout` at most.
///
/// # Errors
///
/// Those of `accept(2)`, among them `WouldBlock` if no client waits.
pub fn accept(listener: &TcpListener, options: &Options) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    // Linux has copied the listener's options to the connection.
    if cfg!(not(target_os = "linux")) {
        set_connection_options(&SockRef::from(&stream), options)?;
    }
    Ok((stream, peer))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::ffi::OsString;
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::{AtOnce, Model, Properties, Unit};

    fn options(line: &str) -> Options {
        let run = |_: TcpListener, _: &Options| Err(io::ErrorKind::Unsupported.into());
        let model = Model {
            name: "test",
            about: "",
            unit: Unit::None,
            at_once: AtOnce::One,
            properties: Properties::NONE,
            run,
            bare: |_, _| Ok(()),
        };
        let arguments = line.split_whitespace().map(OsString::from);
        model.parse(arguments).unwrap_or_else(|_| unreachable!("{line} is right"))
    }

    #[test]
    fn an_accepted_connection_has_the_options_of_its_listener() {
        let options = options("test-server --addr 127.0.0.1:0 --idle-timeout 42s");
        let listener = bind(&options).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.read_timeout().unwrap(), Some(Duration::from_secs(42)));
        assert_eq!(stream.write_timeout().unwrap(), Some(Duration::from_secs(42)));
    }

    #[test]
    fn a_page_s_listener_never_gives_up_waiting() {
        let listener = bind(&options("test-server --bare --addr 127.0.0.1:0")).unwrap();
        let socket = SockRef::from(&listener);
        assert_eq!((socket.read_timeout().unwrap(), socket.tcp_nodelay().unwrap()), (None, true));
    }
}
