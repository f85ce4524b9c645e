//! The kernel's TCP sockets, by sock_diag(7) and `/proc/net/tcp` of proc_pid_net(5): who listens at an address, what
//! has become of a connection there, and in which processes. Only Linux has it.

use std::io;
use std::net::SocketAddr;

use nix::unistd::{Pid, getpgid};

/// The number of a socket, unique in the machine.
pub type Inode = u64;

/// The listening sockets at an address. Several share it by `SO_REUSEPORT`: each has a queue.
///
/// # Errors
///
/// When the table cannot be read.
pub fn listeners(server: SocketAddr) -> io::Result<Vec<Inode>> {
    system::listeners(server)
}

/// How many connections wait to be accepted in the backlogs at an address.
///
/// # Errors
///
/// When the table cannot be read.
pub fn waiting(server: SocketAddr) -> io::Result<u64> {
    system::waiting(server)
}

/// How many other connections the server has with clients, open on both sides.
///
/// # Errors
///
/// When the table cannot be read.
pub fn connections(server: SocketAddr) -> io::Result<usize> {
    system::connections(server)
}

/// The server's ends of the connections of these clients, in their order. It is `None` of one that the
/// server has not accepted: no process has a descriptor for it yet.
///
/// # Errors
///
/// When the table cannot be read.
pub fn server_ends(server: SocketAddr, clients: &[SocketAddr]) -> io::Result<Vec<Option<Inode>>> {
    system::server_ends(server, clients)
}

/// The processes that hold one of these sockets open, as far as this user may look, each with those that
/// it holds.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn holders(sockets: &[Inode]) -> io::Result<Vec<(Pid, Vec<Inode>)>> {
    system::holders(sockets)
}

/// Fails where a process does not hold a listener at this address, where that can be seen.
///
/// # Errors
///
/// One line that names both.
pub fn require_listener(process: Pid, server: SocketAddr) -> io::Result<()> {
    let holders = listeners(server).and_then(|sockets| holders(&sockets));
    match holders.map(|all| all.iter().any(|(holder, _)| *holder == process)) {
        Ok(true) | Err(_) => Ok(()),
        Ok(false) => {
            Err(io::Error::other(format!("process {process} does not listen at {server}")))
        }
    }
}

/// Whether a process of this group holds a listener at this address.
///
/// # Errors
///
/// When that cannot be seen.
pub fn is_group_listening(group: Pid, server: SocketAddr) -> io::Result<bool> {
    let sockets = listeners(server)?;
    if sockets.is_empty() {
        return Ok(false);
    }
    let holders = holders(&sockets)?;
    if holders.is_empty() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(holders.iter().any(|(holder, _)| getpgid(Some(*holder)) == Ok(group)))
}

/// The process at the root of these holders: the only one whose parent is none of them. The others have what
/// they hold from it.
pub fn root(holders: &[(Pid, Vec<Inode>)]) -> Option<Pid> {
    let holders: Vec<Pid> = holders.iter().map(|(holder, _)| *holder).collect();
    let is_root = |it: &Pid| system::parent(*it).is_ok_and(|parent| !holders.contains(&parent));
    let mut roots = holders.iter().copied().filter(is_root);
    // Several that have nothing to do with each other are no one server.
    roots.next().filter(|_| roots.next().is_none())
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io::{self, BufRead, BufReader};
    use std::net::{IpAddr, SocketAddr};

    use nix::unistd::Pid;
    use procfs::net::{TcpNetEntries, TcpNetEntry, TcpState, tcp, tcp6};
    use procfs::process::{FDTarget, Process, all_processes};
    use procfs::{FromReadSI, ProcError, ProcResult, current_system_info};

    use super::Inode;
    use crate::sock_diag::SockDiag;

    fn table() -> io::Result<impl Iterator<Item = TcpNetEntry>> {
        // A machine may have no IPv6.
        let (four, six) = (tcp().map_err(failure)?, tcp6().unwrap_or_default());
        Ok(four.into_iter().chain(six))
    }

    /// The listening sockets of a table. The kernel lists them before all others, of which there may be very
    /// many: these are not read.
    fn listening_in(table: &str) -> io::Result<Vec<TcpNetEntry>> {
        let lines = BufReader::new(File::open(table)?).lines().map_while(Result::ok);
        let is_heading = |line: &str| line.trim_start().starts_with("sl");
        let is_listening = |line: &str| line.split_whitespace().nth(3) == Some("0A");
        let listed = lines.take_while(|line| is_heading(line) || is_listening(line));
        let text: String = listed.map(|line| line + "\n").collect();
        let entries = TcpNetEntries::from_read(text.as_bytes(), current_system_info());
        entries.map(|entries| entries.0).map_err(failure)
    }

    fn failure(error: ProcError) -> io::Error {
        io::Error::other(format!("/proc: {error}"))
    }

    /// An IPv4 client of an IPv6 listener is in the table by an IPv6 address.
    fn plain(address: SocketAddr) -> (IpAddr, u16) {
        (address.ip().to_canonical(), address.port())
    }

    pub(super) fn listeners(server: SocketAddr) -> io::Result<Vec<Inode>> {
        Ok(listening(server)?.iter().map(|it| it.inode).collect())
    }

    /// Of a listener the received bytes are connections, tcp(7).
    pub(super) fn waiting(server: SocketAddr) -> io::Result<u64> {
        Ok(listening(server)?.iter().map(|it| u64::from(it.rx_queue)).sum())
    }

    fn listening(server: SocketAddr) -> io::Result<Vec<TcpNetEntry>> {
        let is_there = |address: SocketAddr| {
            let (host, port) = plain(address);
            port == server.port() && (host.is_unspecified() || host == plain(server).0)
        };
        let (four, six) = (listening_in("/proc/net/tcp")?, listening_in("/proc/net/tcp6"));
        let sockets = four.into_iter().chain(six.unwrap_or_default());
        let mut all: Vec<_> = sockets.filter(|it| is_there(it.local_address)).collect();
        // One for IPv4 and one for IPv6 have nothing to do with each other.
        let is_of_its_kind = |it: &TcpNetEntry| it.local_address.is_ipv4() == server.is_ipv4();
        let has_its_kind = all.iter().any(is_of_its_kind);
        all.retain(|it| is_of_its_kind(it) || !has_its_kind);
        Ok(all)
    }

    pub(super) fn connections(server: SocketAddr) -> io::Result<usize> {
        let is_open = |it: &TcpNetEntry| it.state == TcpState::Established;
        let ends = table()?.filter(|it| is_open(it) && plain(it.local_address) == plain(server));
        Ok(ends.count())
    }

    pub(super) fn server_ends(
        server: SocketAddr,
        clients: &[SocketAddr],
    ) -> io::Result<Vec<Option<Inode>>> {
        let one_by_one = || -> io::Result<Vec<_>> {
            let kernel = SockDiag::new()?;
            clients.iter().map(|client| kernel.end(server, *client)).collect()
        };
        one_by_one().or_else(|_| ends_in_table(server, clients))
    }

    /// The same where the kernel does not answer for one socket.
    fn ends_in_table(server: SocketAddr, clients: &[SocketAddr]) -> io::Result<Vec<Option<Inode>>> {
        let ends: Vec<TcpNetEntry> =
            table()?.filter(|it| plain(it.local_address) == plain(server)).collect();
        let end_of = |client: &SocketAddr| {
            let end = ends.iter().find(|it| plain(it.remote_address) == plain(*client))?;
            (end.inode != 0).then_some(end.inode)
        };
        Ok(clients.iter().map(end_of).collect())
    }

    pub(super) fn holders(sockets: &[Inode]) -> io::Result<Vec<(Pid, Vec<Inode>)>> {
        let held_by = |process: Process| -> ProcResult<(Pid, Vec<Inode>)> {
            let targets = process.fd()?.flatten().map(|it| it.target);
            let sockets = targets.filter_map(|target| match target {
                FDTarget::Socket(inode) if sockets.contains(&inode) => Some(inode),
                _ => None,
            });
            Ok((Pid::from_raw(process.pid()), sockets.collect()))
        };
        // Those that are gone meanwhile, and those of other users, are left out.
        let processes = all_processes().map_err(failure)?.flatten();
        let all = processes.filter_map(|process| held_by(process).ok());
        Ok(all.filter(|(_, sockets)| !sockets.is_empty()).collect())
    }

    pub(super) fn parent(process: Pid) -> io::Result<Pid> {
        let process = Process::new(process.as_raw()).map_err(failure)?;
        Ok(Pid::from_raw(process.stat().map_err(failure)?.ppid))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::net::SocketAddr;

    use nix::unistd::Pid;

    use super::Inode;

    pub(super) fn listeners(_: SocketAddr) -> io::Result<Vec<Inode>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn waiting(_: SocketAddr) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn connections(_: SocketAddr) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn server_ends(_: SocketAddr, _: &[SocketAddr]) -> io::Result<Vec<Option<Inode>>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn holders(_: &[Inode]) -> io::Result<Vec<(Pid, Vec<Inode>)>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn parent(_: Pid) -> io::Result<Pid> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_is_known_from_its_accept_on_and_its_process_too() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = listener.local_addr()?;
        let client = TcpStream::connect(server)?;
        let this = Pid::this();
        assert_eq!(root(&holders(&listeners(server)?)?), Some(this));
        assert_eq!(
            (server_ends(server, &[client.local_addr()?])?, waiting(server)?),
            (vec![None], 1)
        );
        let (_accepted, peer) = listener.accept()?;
        let ends = server_ends(server, &[peer])?;
        let end = ends[0].into_iter().collect::<Vec<_>>();
        assert_eq!(holders(&end)?, [(this, end)]);
        assert_eq!((connections(server)?, waiting(server)?), (1, 0));
        Ok(())
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_listener_is_found() -> io::Result<()> {
        // A machine may have no IPv6.
        let Ok(listener) = TcpListener::bind("[::]:0") else { return Ok(()) };
        let server = SocketAddr::from(([127, 0, 0, 1], listener.local_addr()?.port()));
        let client = TcpStream::connect(server)?;
        let _accepted = listener.accept()?;
        assert_eq!(listeners(server)?.len(), 1);
        assert!(server_ends(server, &[client.local_addr()?])?[0].is_some());
        Ok(())
    }
}
