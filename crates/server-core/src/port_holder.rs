//! Who listens at an address already: the usual reason why a server cannot.

use std::net::SocketAddr;

/// The program and the number of the process that listens at `address`, as in `thread-server, process 4711`. Nothing
/// where no such process is visible to this user.
#[cfg(target_os = "linux")]
pub(crate) fn holder_of(address: SocketAddr) -> Option<String> {
    use procfs::net::{TcpState, tcp, tcp6};
    use procfs::process::{FDTarget, Process, all_processes};

    let sockets = [tcp(), tcp6()].into_iter().flatten().flatten();
    let is_there = |it: SocketAddr| {
        let same_host = it.ip() == address.ip();
        let is_any = it.ip().is_unspecified() || address.ip().is_unspecified();
        it.port() == address.port() && (same_host || is_any)
    };
    let listening = sockets.filter(|it| it.state == TcpState::Listen && is_there(it.local_address));
    let inodes: Vec<u64> = listening.map(|it| it.inode).collect();
    let is_one = |target| matches!(target, FDTarget::Socket(inode) if inodes.contains(&inode));
    let holds = |process: &Process| {
        let mut descriptors = process.fd().into_iter().flatten().flatten();
        descriptors.any(|descriptor| is_one(descriptor.target))
    };
    // One that ends during the look is left out.
    let known = |process: Process| {
        let (parent, exe) = (process.stat().ok()?.ppid, process.exe().ok()?);
        Some((process.pid(), parent, exe.file_name()?.to_string_lossy().into_owned()))
    };
    let holders: Vec<(i32, i32, String)> =
        all_processes().ok()?.flatten().filter(holds).filter_map(known).collect();
    // Of a server that forks, the parent.
    let is_root = |parent: i32| holders.iter().all(|(pid, ..)| *pid != parent);
    let (pid, _, program) = holders.iter().find(|(_, parent, _)| is_root(*parent))?;
    Some(format!("{program}, process {pid}"))
}

/// Elsewhere it is not looked for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn holder_of(_: SocketAddr) -> Option<String> {
    None
}
