//! One connection, asked of the kernel by both its addresses: sock_diag(7). Its table of all sockets, as text, takes as
//! long as there are sockets on the machine.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use crate::sockets::Inode;

/// The size of `struct nlmsghdr`, in which a message's kind stands behind its length.
const HEADER: usize = 16;
const KIND: usize = 4;

/// Where the inode stands in an answer: in `struct inet_diag_msg`, behind four bytes, both addresses and four numbers.
const INODE: usize = HEADER + 4 + 48 + 16;

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;

/// A way to ask the kernel.
pub(crate) struct SockDiag(OwnedFd);

impl SockDiag {
    /// # Errors
    ///
    /// Where this kernel does not know it.
    pub(crate) fn new() -> io::Result<Self> {
        let (family, kind) = (AddressFamily::Netlink, SockType::Datagram);
        let protocol = SockProtocol::NetlinkSockDiag;
        Ok(SockDiag(socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol)?))
    }

    /// The server's end of a connection; nothing while it waits in a backlog, where no process has it yet, or where
    /// there is none.
    ///
    /// # Errors
    ///
    /// Where this kernel cannot tell it of TCP.
    pub(crate) fn end(&self, server: SocketAddr, client: SocketAddr) -> io::Result<Option<Inode>> {
        let mut answer = [0; 512];
        let kernel = self.0.as_raw_fd();
        send(kernel, &question(server, client), MsgFlags::empty())?;
        let count = recv(kernel, &mut answer, MsgFlags::empty())?;
        let word = |at: usize| [answer[at], answer[at + 1], answer[at + 2], answer[at + 3]];
        let kind = u16::from_ne_bytes([answer[KIND], answer[KIND + 1]]);
        if kind == BY_FAMILY && count >= INODE + 4 {
            let inode = u32::from_ne_bytes(word(INODE));
            return Ok((inode != 0).then_some(inode.into()));
        }
        match -i32::from_ne_bytes(word(HEADER)) {
            libc::ENOENT => Ok(None),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`, which asks for one socket.
fn question(server: SocketAddr, client: SocketAddr) -> Vec<u8> {
    let family = if server.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let [family, protocol] =
        [family, libc::IPPROTO_TCP].map(|it| u8::try_from(it).unwrap_or_default());
    let mut body = vec![family, protocol, 0, 0];
    // In any state.
    body.extend([u8::MAX; 4]);
    body.extend(server.port().to_be_bytes());
    body.extend(client.port().to_be_bytes());
    [server.ip(), client.ip()].iter().for_each(|it| body.extend(words(*it)));
    // At any interface, and a cookie that stands for any.
    body.extend([0; 4]);
    body.extend([u8::MAX; 8]);
    let length = u32::try_from(HEADER + body.len()).unwrap_or_default();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(u16::try_from(libc::NLM_F_REQUEST).unwrap_or_default().to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// An address as four words, of which IPv4 takes the first.
fn words(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => {
            let mut words = [0; 16];
            words[..4].copy_from_slice(&ip.octets());
            words
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Whether a client's end is known before and after its accept, of a server that may listen elsewhere than it is
    /// spoken to.
    fn is_known(listens: &str, host: &str) -> io::Result<[bool; 2]> {
        let listener = TcpListener::bind(listens)?;
        let server = SocketAddr::new(host.parse().unwrap(), listener.local_addr()?.port());
        let stream = TcpStream::connect(server)?;
        let client = stream.local_addr()?;
        let kernel = SockDiag::new()?;
        let before = kernel.end(server, client)?.is_some();
        let _accepted = listener.accept()?;
        Ok([before, kernel.end(server, client)?.is_some()])
    }

    #[test]
    fn a_connection_has_an_end_from_its_accept_on() -> io::Result<()> {
        assert_eq!(is_known("127.0.0.1:0", "127.0.0.1")?, [false, true]);
        Ok(())
    }

    #[test]
    fn so_it_has_under_ipv6_and_where_one_socket_listens_for_both() -> io::Result<()> {
        // A machine may have no IPv6.
        if TcpListener::bind("[::1]:0").is_ok() {
            assert_eq!(is_known("[::1]:0", "::1")?, [false, true]);
            assert_eq!(is_known("[::]:0", "127.0.0.1")?, [false, true]);
        }
        Ok(())
    }

    #[test]
    fn who_was_never_there_has_none() -> io::Result<()> {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        assert_eq!(SockDiag::new()?.end(nobody, nobody)?, None);
        Ok(())
    }
}
