//! When connections have left their server's backlog, of a server whose log does not tell it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the kernel is asked: a moment is known no better than that.
const EVERY: Duration = Duration::from_millis(1);

/// Looks at connections to a server, in a thread of its own, until it is finished or dropped.
#[derive(Debug)]
pub struct BacklogWatch {
    followed: Sender<SocketAddr>,
    thread: JoinHandle<HashMap<SocketAddr, Instant>>,
}

impl BacklogWatch {
    /// Looks at connections to this address, of nobody yet.
    pub fn of(server: SocketAddr) -> Self {
        let (followed, clients) = channel();
        let thread = thread::spawn(move || look(server, &clients));
        BacklogWatch { followed, thread }
    }

    /// Looks at this client, too, which is connected.
    pub fn follow(&self, client: SocketAddr) {
        // Fails where this system does not tell.
        let _ = self.followed.send(client);
    }

    /// When each client was first seen that the server had accepted: a millisecond late at most if the machine is not
    /// busy. Whoever has come and gone within that was not seen. Nothing where this system does not tell.
    pub fn finish(self) -> HashMap<SocketAddr, Instant> {
        drop(self.followed);
        self.thread.join().unwrap_or_default()
    }
}

/// Looks at each client until it is accepted, while more may come.
fn look(server: SocketAddr, clients: &Receiver<SocketAddr>) -> HashMap<SocketAddr, Instant> {
    let (mut waiting, mut accepted) = (Vec::new(), HashMap::new());
    let Ok(mut kernel) = system::Kernel::new() else { return accepted };
    loop {
        match clients.try_recv() {
            Ok(client) => waiting.push(client),
            Err(TryRecvError::Disconnected) => return accepted,
            Err(TryRecvError::Empty) => {
                waiting.retain(|client| {
                    let is_accepted = kernel.has_accepted(server, *client);
                    if is_accepted {
                        accepted.insert(*client, Instant::now());
                    }
                    !is_accepted
                });
                thread::sleep(EVERY);
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    //! One socket is asked for at a time, by both its addresses, in the language of sock_diag(7): the whole table takes
    //! the kernel as long as there are sockets on the machine.

    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, OwnedFd};

    use nix::libc;
    use nix::sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
    };

    /// Where the inode stands in an answer: behind a header, and in it behind the addresses and four numbers.
    const INODE: usize = HEADER + 4 + ADDRESSES + 16;
    const HEADER: usize = 16;
    const ADDRESSES: usize = 48;

    /// `SOCK_DIAG_BY_FAMILY`.
    const BY_FAMILY: u16 = 20;

    pub(super) struct Kernel(OwnedFd);

    impl Kernel {
        pub(super) fn new() -> io::Result<Self> {
            let kind = (AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC);
            Ok(Kernel(socket(kind.0, kind.1, kind.2, SockProtocol::NetlinkSockDiag)?))
        }

        /// Whether the server's end of a connection belongs to a process. One that waits in a backlog has no inode yet.
        pub(super) fn has_accepted(&mut self, server: SocketAddr, client: SocketAddr) -> bool {
            let mut answer = [0; 512];
            let socket = self.0.as_raw_fd();
            let asked = send(socket, &question(server, client), MsgFlags::empty());
            let count = asked.and_then(|_| recv(socket, &mut answer, MsgFlags::empty()));
            let kind = u16::from_ne_bytes([answer[4], answer[5]]);
            let has_inode = answer[INODE..INODE + 4] != [0; 4];
            count.is_ok_and(|count| count >= INODE + 4) && kind == BY_FAMILY && has_inode
        }
    }

    /// `struct nlmsghdr` and `struct inet_diag_req_v2`, which asks for one socket.
    fn question(server: SocketAddr, client: SocketAddr) -> Vec<u8> {
        let family = if server.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let every_state = u32::MAX.to_ne_bytes();
        let tcp = u8::try_from(libc::IPPROTO_TCP).unwrap_or_default();
        let mut body = vec![u8::try_from(family).unwrap_or_default(), tcp, 0, 0];
        body.extend(every_state);
        body.extend(server.port().to_be_bytes());
        body.extend(client.port().to_be_bytes());
        [server.ip(), client.ip()].iter().for_each(|it| body.extend(address(*it)));
        // Any interface, and a cookie that stands for any.
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

    /// As four words, of which an IPv4 address takes the first.
    fn address(ip: IpAddr) -> [u8; 16] {
        match ip {
            IpAddr::V6(ip) => ip.octets(),
            IpAddr::V4(ip) => {
                let mut words = [0; 16];
                words[..4].copy_from_slice(&ip.octets());
                words
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::net::SocketAddr;

    pub(super) struct Kernel;

    impl Kernel {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn has_accepted(&mut self, _: SocketAddr, _: SocketAddr) -> bool {
            false
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Whether a client is accepted, before and after the server has done so. It may listen elsewhere than it is
    /// spoken to.
    fn before_and_after(listens: &str, host: &str) -> [bool; 2] {
        let listener = TcpListener::bind(listens).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = format!("{host}:{port}").parse().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let address = client.local_addr().unwrap();
        let mut kernel = system::Kernel::new().unwrap();
        let before = kernel.has_accepted(server, address);
        let _connection = listener.accept().unwrap();
        [before, kernel.has_accepted(server, address)]
    }

    #[test]
    fn who_waits_in_the_backlog_is_not_accepted() {
        assert_eq!(before_and_after("127.0.0.1:0", "127.0.0.1"), [false, true]);
        assert_eq!(before_and_after("[::1]:0", "[::1]"), [false, true]);
    }

    #[test]
    fn a_server_of_both_families_is_looked_at_by_the_address_that_its_client_uses() {
        assert_eq!(before_and_after("[::]:0", "127.0.0.1"), [false, true]);
    }

    #[test]
    fn who_was_never_there_is_not_accepted() {
        let nobody = "127.0.0.1:9".parse().unwrap();
        assert!(!system::Kernel::new().unwrap().has_accepted(nobody, nobody));
    }

    #[test]
    fn the_watch_sees_who_is_accepted_while_it_looks() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let watch = BacklogWatch::of(server);
        let clients = [TcpStream::connect(server).unwrap(), TcpStream::connect(server).unwrap()];
        let addresses = clients.each_ref().map(|it| it.local_addr().unwrap());
        addresses.iter().for_each(|it| watch.follow(*it));
        let _connection = listener.accept().unwrap();
        // It looks about once a millisecond.
        thread::sleep(500 * EVERY);
        let seen = watch.finish();
        assert!(seen.contains_key(&addresses[0]) && !seen.contains_key(&addresses[1]));
    }
}
