//! What a server served, and what that cost.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::resource::{Usage, UsageWho, getrusage};

/// Counters of one server. Whoever starts a connection counts it, whoever answers counts messages.
#[derive(Debug, Default)]
pub struct Statistics {
    connections: AtomicU64,
    messages: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
}

impl Statistics {
    /// Counters in memory that this process shares with the children it will fork. They live as
    /// long as the process.
    ///
    /// # Errors
    ///
    /// When the kernel has no memory for the mapping.
    #[allow(unsafe_code)]
    pub fn shared_with_children() -> io::Result<&'static Self> {
        let size = std::num::NonZeroUsize::MIN.saturating_add(size_of::<Self>());
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice aliases nothing.
        let memory = unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_SHARED)? };
        // SAFETY: the mapping is never unmapped, starts at a page, is larger than the counters,
        // and holds zeros, which are valid atomics. All access to it from here on is atomic.
        Ok(unsafe { memory.cast::<Self>().as_ref() })
    }

    /// Counts a connection that a handler begins to serve or that waits for one.
    pub fn opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
    }

    /// Counts the end of a connection.
    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts messages that were answered.
    pub fn answered(&self, messages: u64) {
        if messages > 0 {
            self.messages.fetch_add(messages, Ordering::Relaxed);
        }
    }
}

/// Time that the CPU spent on a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
}

/// The summary that a server prints at its exit.
#[derive(Clone, Debug)]
pub struct Report {
    /// Connections accepted.
    pub connections: u64,
    /// Messages answered.
    pub messages: u64,
    /// The most connections that were open at one time.
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

impl CpuTime {
    /// What this process has used.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(CpuTime::of(&getrusage(UsageWho::RUSAGE_SELF)?))
    }

    /// What the children of this process have used, and theirs, once they were waited for.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn of_children() -> io::Result<Self> {
        Ok(CpuTime::of(&getrusage(UsageWho::RUSAGE_CHILDREN)?))
    }

    /// User and system time together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// What was used since `before` was read.
    pub fn since(self, before: Self) -> Self {
        CpuTime {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }

    fn of(usage: &Usage) -> Self {
        let duration = |time: nix::sys::time::TimeVal| {
            Duration::from_secs(time.tv_sec().unsigned_abs())
                + Duration::from_micros(time.tv_usec().unsigned_abs())
        };
        CpuTime { user: duration(usage.user_time()), system: duration(usage.system_time()) }
    }
}

/// The peak since this program began, which Linux knows: `VmHWM` of proc_pid_status(5).
fn own_peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// Linux counts in KiB, macOS in bytes: getrusage(2).
fn peak_memory(usage: &Usage) -> u64 {
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    usage.max_rss().unsigned_abs() * unit
}

impl fmt::Display for CpuTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} s user, {:.3} s system",
            self.user.as_secs_f64(),
            self.system.as_secs_f64()
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "connections   {}, at most {} at once", self.connections, self.most_at_once)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_at_once_is_the_peak_and_not_the_sum() {
        let statistics = Statistics::default();
        for _ in 0..3 {
            statistics.opened();
            statistics.opened();
            statistics.closed();
            statistics.closed();
        }
        let report = Report::new(&statistics).unwrap();
        assert_eq!((report.connections, report.most_at_once), (6, 2));
    }
}
