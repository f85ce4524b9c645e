//! The summary of a server: what it served, and what that cost.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use nix::sys::resource::{Usage, UsageWho, getrusage};

use crate::{CpuTime, Statistics};

/// The summary that a server prints at its exit.
#[derive(Clone, Debug)]
pub struct Report {
    /// Connections that were accepted for a handler. Where each has a thread, this includes those for which no
    /// thread could be started; where each has a process, it does not.
    pub connections: u64,
    /// Those of them that waited for too long, and were turned away.
    pub turned_away: u64,
    /// Messages that were answered.
    pub messages: u64,
    /// The most connections that were open at one time: in a pool also those in its queue, and everywhere those
    /// that linger.
    pub most_at_once: u64,
    /// CPU time of this process.
    pub server_cpu: CpuTime,
    /// CPU time of its children that have ended.
    pub children_cpu: CpuTime,
    /// The most memory that this process had resident, in bytes.
    pub peak_memory: u64,
    /// The most memory that one child had resident, in bytes; 0 without children, or where it
    /// is not known.
    pub peak_child_memory: u64,
}

/// What stood on this process's account when the server began. A program that is started by
/// `exec` inherits the account of its forerunner: under `cargo run`, that of cargo and compilers.
static INHERITED: OnceLock<(CpuTime, CpuTime, u64)> = OnceLock::new();

impl Report {
    /// Says that the server begins now: what this process and its children used before is not
    /// the server's.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn begin() -> io::Result<()> {
        let children = peak_memory(&getrusage(UsageWho::RUSAGE_CHILDREN)?);
        let inherited = (CpuTime::of_this_process()?, CpuTime::of_children()?, children);
        INHERITED.get_or_init(|| inherited);
        Ok(())
    }

    /// Reads the counters, and what the kernel counted for this process and its children.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn new(statistics: &Statistics) -> io::Result<Self> {
        let server = getrusage(UsageWho::RUSAGE_SELF)?;
        let children = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let (server_before, children_before, child_before) =
            INHERITED.get().copied().unwrap_or_default();
        let peak_child = peak_memory(&children);
        Ok(Report {
            connections: statistics.connections.load(Ordering::Relaxed),
            turned_away: statistics.turned_away.load(Ordering::Relaxed),
            messages: statistics.messages.load(Ordering::Relaxed),
            most_at_once: statistics.most_open.load(Ordering::Relaxed),
            server_cpu: CpuTime::of(&server).since(server_before),
            children_cpu: CpuTime::of(&children).since(children_before),
            peak_memory: own_peak_memory().unwrap_or_else(|| peak_memory(&server)),
            // Below an inherited peak, the children's own cannot be seen.
            peak_child_memory: if peak_child > child_before { peak_child } else { 0 },
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "connections   {}, at most {} at once", self.connections, self.most_at_once)?;
        if self.turned_away > 0 {
            writeln!(f, "turned away   {}", self.turned_away)?;
        }
        writeln!(f, "messages      {}", self.messages)?;
        writeln!(f, "CPU           {}", self.server_cpu)?;
        if self.children_cpu != CpuTime::default() {
            writeln!(f, "  children    {}", self.children_cpu)?;
        }
        write!(f, "peak memory   {:.1} MiB", mib(self.peak_memory))?;
        if self.peak_child_memory > 0 {
            write!(f, ", a child at most {:.1} MiB", mib(self.peak_child_memory))?;
        }
        Ok(())
    }
}

/// The peak since this program began, which Linux knows: `VmHWM` of proc_pid_status(5).
#[cfg(target_os = "linux")]
fn own_peak_memory() -> Option<u64> {
    let status = procfs::process::Process::myself().and_then(|this| this.status());
    Some(status.ok()?.vmhwm? * 1024)
}

/// Elsewhere only the peak is known that includes what ran in this process before.
#[cfg(not(target_os = "linux"))]
fn own_peak_memory() -> Option<u64> {
    None
}

/// Linux counts in KiB, macOS in bytes: getrusage(2).
fn peak_memory(usage: &Usage) -> u64 {
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    usage.max_rss().unsigned_abs() * unit
}
