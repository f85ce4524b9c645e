//! What idle connections hold: user memory of the server, and kernel memory on its behalf.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Context;
use client::hold::Held;
use nix::unistd::Pid;
use serde::Serialize;
use server_process::family::{Family, proportional_set_size};
use server_process::sockets;

use super::limits::Limits;
use crate::measure::lab::Lab;
use crate::models::Contestant;

/// What `connections` idle connections hold, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct IdleMemory {
    /// How many connections were open.
    pub connections: usize,
    /// How many of them the server served; the others waited for their turn.
    pub served: usize,
    /// Proportional set size of the server and its children: shared pages are shared out.
    #[serde(rename = "user_bytes")]
    pub user: f64,
    /// Kernel stacks, page tables and slabs (sockets, processes, threads), on the server's side.
    #[serde(rename = "kernel_bytes")]
    pub kernel: f64,
    /// What the server is then.
    #[serde(flatten)]
    pub family: Family,
}

/// How long the kernel takes, generously, to free what processes that ended have left.
const SETTLE: Duration = Duration::from_millis(50);

/// Starts a server, opens `connections` to it, measures what they add, and stops the server. As many
/// of them must be served as the model serves at once.
///
/// # Errors
///
/// When a connection or the server fails, or `/proc` cannot be read. Only Linux has what this
/// reads.
pub fn measure(
    lab: &Lab,
    contestant: &Contestant,
    connections: usize,
) -> anyhow::Result<IdleMemory> {
    let server = lab.open(contestant)?;
    let process = server.process().context("its process is not known")?;
    let before = Before::reading(&lab.limits, process, connections)?;
    let held = match contestant.foreign {
        None => {
            let expected = contestant.served_at_once(connections);
            Held::open(server.address(), connections, expected)?
        }
        Some(_) => Held::open_until_quiet(server.address(), connections)?,
    };
    if held.served() < connections {
        wait_until_accepted(server.address())?;
    }
    let (user, kernel) = before.added()?;
    let family = Family::of(process)?;
    // Before its clients go: it shall not find hundreds of them gone at once.
    lab.close(contestant, server)?;
    let served = held.served();
    Ok(IdleMemory { connections, served, user, kernel, family })
}

/// Waits until nobody is accepted any more: a server may accept clients before it has a place for them.
fn wait_until_accepted(server: SocketAddr) -> io::Result<()> {
    let mut before = None;
    loop {
        let waiting = sockets::waiting(server)?;
        if before.replace(waiting) == Some(waiting) {
            return Ok(());
        }
        std::thread::sleep(SETTLE);
    }
}

/// What a server held before its clients came.
pub struct Before {
    server: Pid,
    user: f64,
    kernel: f64,
    pairs: Pairs,
}

impl Before {
    /// Reads it, of a server to which this many connections will be opened.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub fn reading(limits: &Limits, server: Pid, connections: usize) -> io::Result<Self> {
        std::thread::sleep(SETTLE);
        let pairs = Pairs::open(connections, limits.pairs_beside(connections))?;
        let (user, kernel) = (proportional_set_size(server)?, system::kernel()?);
        Ok(Before { server, user, kernel, pairs })
    }

    /// What was added since then, in bytes: in user space, and in the kernel on the server's side.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub fn added(&self) -> io::Result<(f64, f64)> {
        // Before anything looks into the server's processes, which the kernel keeps memory for.
        let kernel = system::kernel()? - self.kernel - self.pairs.one_end;
        Ok((proportional_set_size(self.server)? - self.user, kernel))
    }
}

/// Loopback connections within this process, and what one end of each of them holds in the kernel
/// together, in bytes: half of what they added.
///
/// The ends of the server's clients live in the same kernel, and shall not be counted to the
/// server. These pairs stay open during the measurement, lest the kernel serve it from what they
/// left.
struct Pairs {
    one_end: f64,
    _pairs: Vec<(TcpStream, (TcpStream, SocketAddr))>,
}

impl Pairs {
    /// As many pairs as there are connections, or some of them where those are very many, and `most`
    /// at most: each pair takes two descriptors.
    fn open(connections: usize, most: usize) -> io::Result<Self> {
        let count = connections.min(1000).min(most).max(1);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let before = system::kernel()?;
        let pair = |_| Ok((TcpStream::connect(address)?, listener.accept()?));
        let pairs = (0..count).map(pair).collect::<io::Result<Vec<_>>>()?;
        let one_end = (system::kernel()? - before) / 2.0 / count as f64;
        Ok(Pairs { one_end: one_end * connections as f64, _pairs: pairs })
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use procfs::{Current, Meminfo};

    /// Kernel stacks, page tables and slabs of the whole machine, in bytes.
    pub(super) fn kernel() -> io::Result<f64> {
        let memory = Meminfo::current();
        let memory = memory.map_err(|error| io::Error::other(format!("/proc: {error}")))?;
        let parts = [memory.kernel_stack, memory.page_tables, Some(memory.slab)];
        Ok(parts.into_iter().flatten().sum::<u64>() as f64)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    pub(super) fn kernel() -> io::Result<f64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
