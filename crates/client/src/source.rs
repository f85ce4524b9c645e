//! Where a client's connections come from: addresses with ports enough.

use std::io;
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

/// Opens a connection to `server`, without Nagle's delay, and blocks until it is established.
///
/// Connections to 127.0.0.0/8 start from different addresses in turn, so that ports do not run
/// out.
///
/// # Errors
///
/// Those of `connect(2)`. A lack of ports is `EADDRNOTAVAIL`, and is never hidden by a retry.
pub fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket_to(server)?;
    socket.set_nonblocking(false)?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

/// A new socket for a connection to `server`, not blocking and without Nagle's delay.
///
/// A pair of addresses has some 28,000 ports, and each may be held for a minute after its
/// connection's end. So on Linux, where all of 127.0.0.0/8 is local, connections to it start from
/// 127.0.0.2, 127.0.0.3, ... in turn.
pub(crate) fn socket_to(server: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(server);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    if matches!(server.ip(), std::net::IpAddr::V4(address) if address.is_loopback()) {
        bind_to_next_source(&socket)?;
    }
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn bind_to_next_source(socket: &Socket) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::sync::atomic::{AtomicU8, Ordering};

    const SOURCES: u8 = 32;
    static NEXT: AtomicU8 = AtomicU8::new(0);

    // Without this, `bind` would take a port that no other connection of this source may use.
    setsockopt(socket, IpBindAddressNoPort, &true)?;
    let source = Ipv4Addr::new(127, 0, 0, 2 + NEXT.fetch_add(1, Ordering::Relaxed) % SOURCES);
    socket.bind(&SocketAddrV4::new(source, 0).into())
}
