//! The two parties of a siege, each in a process of its own, which ends by itself.
//!
//! A party is no tool against anybody. It speaks to this machine's own address only, and there, on Linux,
//! only to a port at which another child of its parent listens: a server that the same lab has started. The
//! port comes from the lab through its standard input; it ends with that input, and at the latest after half
//! a minute.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{process, thread};

use anyhow::{Context, ensure};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::unistd::alarm;

use super::{attackers, ordinary};

/// How long a party lives at most.
const LONGEST: Duration = Duration::from_secs(30);

/// How many clients a party has at most.
pub const MOST: usize = 5000;

/// Descriptors for each of them, with those of the connections that they have been thrown out of.
const FILES_EACH: usize = 4;

/// Descriptors beside those.
const OTHER_FILES: usize = 40;

/// Who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Each is answered once, then holds an unfinished message, sends a byte a second, and comes again
    /// if it is thrown out.
    Attackers,
    /// Each sends one message and waits for the answer.
    Ordinary,
}

/// A party, seen by the lab. Dropping it ends it.
pub(super) struct Party {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Party {
    /// Sends a party to a server that this process has started, which serves this many of them at once.
    pub(super) fn start(
        program: &Path,
        role: Role,
        count: usize,
        served: usize,
        server: SocketAddr,
    ) -> io::Result<Self> {
        let role = if role == Role::Attackers { "attackers" } else { "ordinary" };
        let mut command = Command::new(program);
        command.args(["party", role, &count.to_string(), &served.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let output = process.stdout.take().map(BufReader::new);
        let output = output.ok_or_else(|| io::Error::other("no pipe"))?;
        if let Some(mut input) = process.stdin.as_ref() {
            io::Write::write_all(&mut input, format!("{}\n", server.port()).as_bytes())?;
        }
        Ok(Party { process, output })
    }

    /// What it says next. Blocks until it does, or ends.
    pub(super) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.pop() {
            Some(_) => Ok(line),
            None => Err(io::Error::other("a party has ended before its time")),
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // It fails only where there is nobody left.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a party does in its process, until its input ends or its time is up.
///
/// # Errors
///
/// When a limit cannot be set, the input names no port, or a connection fails that should not.
pub fn take_part(role: Role, count: usize, served: usize) -> anyhow::Result<()> {
    bound_this_process(count)?;
    let mut input = BufReader::new(io::stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let port = line.trim().parse().context("standard input names no port")?;
    ensure!(siblings::listen_at(port), "nobody listens at port {port} whom this lab has started");
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    thread::Builder::new().spawn(move || {
        let _ = input.read(&mut [0]);
        process::exit(0)
    })?;
    match role {
        Role::Attackers => attackers::attack(server, count, served),
        Role::Ordinary => ordinary::visit(server, count),
    }
}

/// Bounds its time and its descriptors.
fn bound_this_process(count: usize) -> io::Result<()> {
    alarm::set(u32::try_from(LONGEST.as_secs()).unwrap_or(u32::MAX));
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let files =
        rlim_t::try_from(FILES_EACH * count + OTHER_FILES).map_or(most, |files| files.min(most));
    Ok(setrlimit(Resource::RLIMIT_NOFILE, files, files)?)
}

#[cfg(target_os = "linux")]
mod siblings {
    use std::net::Ipv4Addr;

    use nix::unistd::getppid;
    use procfs::ProcError;
    use procfs::net::{TcpState, tcp};
    use procfs::process::{FDTarget, Process};

    /// Whether a child of this process's parent listens at that port of 127.0.0.1.
    pub(super) fn listen_at(port: u16) -> bool {
        socket(port).is_some_and(|inode| parent_has_child_with(inode).unwrap_or(false))
    }

    fn socket(port: u16) -> Option<u64> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let sockets = tcp().ok()?.into_iter();
        let mut listening = sockets.filter(|it| it.state == TcpState::Listen);
        listening.find(|it| it.local_address == address).map(|it| it.inode)
    }

    fn parent_has_child_with(inode: u64) -> Result<bool, ProcError> {
        let mut children = Vec::new();
        for task in Process::new(getppid().as_raw())?.tasks()? {
            children.extend(task?.children()?);
        }
        let has = |child: &u32| -> Result<bool, ProcError> {
            let mut descriptors = Process::new(child.cast_signed())?.fd()?.flatten();
            Ok(descriptors.any(|it| it.target == FDTarget::Socket(inode)))
        };
        Ok(children.iter().any(|child| has(child).unwrap_or(false)))
    }
}

#[cfg(not(target_os = "linux"))]
mod siblings {
    /// It cannot be told here.
    pub(super) fn listen_at(_: u16) -> bool {
        true
    }
}
