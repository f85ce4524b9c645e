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
        it.port() == address.port() && (same_host || it.ip().is_unspecified())
    };
    let listening = sockets.filter(|it| it.state == TcpState::Listen && is_there(it.local_address));
    let inodes: Vec<u64> = listening.map(|it| it.inode).collect();
    let is_one = |target| matches!(target, FDTarget::Socket(inode) if inodes.contains(&inode));
    let holds = |process: &Process| {
        let mut descriptors = process.fd().into_iter().flatten().flatten();
        descriptors.any(|descriptor| is_one(descriptor.target))
    };
    let holders: Vec<Process> = all_processes().ok()?.flatten().filter(holds).collect();
    // Of a server that forks, the parent.
    let is_child = |one: &Process| {
        let parent = one.stat().map_or(0, |stat| stat.ppid);
        holders.iter().any(|other| other.pid() == parent)
    };
    let holder = holders.iter().find(|one| !is_child(one))?;
    let program = holder.exe().ok()?.file_name()?.to_string_lossy().into_owned();
    Some(format!("{program}, process {}", holder.pid()))
}

/// Elsewhere it is not looked for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn holder_of(_: SocketAddr) -> Option<String> {
    None
}
