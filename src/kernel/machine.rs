//! What the figures were measured on.

use std::time::{Duration, SystemTime};

use serde::Serialize;

/// The machine, and the moment.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many processors this process may use.
    pub cores: usize,
    /// Whether it is a virtual machine, whose processors others may use too.
    pub is_virtual: bool,
    /// All memory, in GiB.
    pub memory_gib: f64,
    /// The operating system and its version.
    pub kernel: String,
    /// When the measurement began (RFC 3339, UTC).
    pub date: String,
    /// Whether this program, which also runs the servers, is optimised: `release`, or `debug`.
    pub build: &'static str,
}

/// Whether this program is optimised.
pub const IS_OPTIMISED: bool = !cfg!(debug_assertions);

/// What to know of figures that a program measured that is not optimised: a line of a terminal.
pub const NOT_OPTIMISED: &str =
    "Debug build: every figure is that of a slow program. Use cargo run --release.";

/// How many processors this process may use; 0 where nobody knows.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// Which share of all CPUs' time is not idle, over this time: from `/proc/stat`. Blocks for that long.
#[cfg(target_os = "linux")]
pub fn busy_share(time: Duration) -> Option<f64> {
    use procfs::{CurrentSI, KernelStats};

    let look = || {
        let all = KernelStats::current().ok()?.total;
        let waits = all.idle + all.iowait.unwrap_or_default();
        Some((waits, waits + all.user + all.nice + all.system + all.softirq.unwrap_or_default()))
    };
    let (idle, total) = look()?;
    std::thread::sleep(time);
    let (later_idle, later_total) = look()?;
    let passed = later_total.saturating_sub(total);
    (passed > 0).then(|| 1.0 - later_idle.saturating_sub(idle) as f64 / passed as f64)
}

/// Elsewhere it is not known.
#[cfg(not(target_os = "linux"))]
pub fn busy_share(_: Duration) -> Option<f64> {
    None
}

impl Machine {
    /// Looks this machine up. What cannot be found out is `unknown`, or 0.
    pub fn here() -> Self {
        let cores = cores();
        let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let (cpu, memory_gib, kernel) = facts();
        let is_virtual = is_virtual();
        let build = if IS_OPTIMISED { "release" } else { "debug" };
        Machine { cpu, cores, is_virtual, memory_gib, kernel, date, build }
    }

    /// The limits that bear on many connections.
    pub fn limits(&self) -> String {
        let open_files = server_core::raise_open_file_limit();
        let read = |file: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_else(|_| "unknown".to_owned());
            text.split_whitespace().collect::<Vec<_>>().join(" to ")
        };
        format!(
            "{open_files} open files a process, backlog at most {}, local ports {}, at most {} \
             processes and threads",
            read("/proc/sys/net/core/somaxconn"),
            read("/proc/sys/net/ipv4/ip_local_port_range"),
            read("/proc/sys/kernel/pid_max"),
        )
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Machine { cpu, cores, is_virtual, memory_gib, kernel, date, .. } = self;
        let kind = if *is_virtual { " of a virtual machine" } else { "" };
        write!(f, "{cpu}, {cores} cores{kind}, {memory_gib:.0} GiB, {kernel}, {date}")
    }
}

/// Whether the processor says that a hypervisor runs it: the bit that CPUID keeps free for that.
#[cfg(target_os = "linux")]
fn is_virtual() -> bool {
    use procfs::{CpuInfo, Current};
    let flags = CpuInfo::current().ok().and_then(|cpu| {
        Some(cpu.get_info(0)?.get("flags")?.split_whitespace().any(|flag| flag == "hypervisor"))
    });
    flags.unwrap_or(false)
}

/// Elsewhere it is not looked for.
#[cfg(not(target_os = "linux"))]
fn is_virtual() -> bool {
    false
}

#[cfg(target_os = "linux")]
fn facts() -> (String, f64, String) {
    use procfs::{CpuInfo, Current, Meminfo};
    let unknown = || "unknown".to_owned();
    let cpu = CpuInfo::current().ok().and_then(|cpu| cpu.model_name(0).map(str::to_owned));
    let memory = Meminfo::current().map_or(0, |memory| memory.mem_total);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let kernel = release.map_or_else(|_| unknown(), |release| format!("Linux {}", release.trim()));
    (cpu.unwrap_or_else(unknown), memory as f64 / f64::from(1 << 30), kernel)
}

#[cfg(not(target_os = "linux"))]
fn facts() -> (String, f64, String) {
    ("unknown CPU".to_owned(), 0.0, std::env::consts::OS.to_owned())
}

/// How often the kernel has dropped a connection since a backlog was full, since it started.
#[cfg(target_os = "linux")]
pub fn listen_overflows() -> u64 {
    let text = std::fs::read_to_string("/proc/net/netstat").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        return 0;
    };
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    let found = pairs.find(|(name, _)| *name == "ListenOverflows");
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

/// How often the kernel has dropped a connection since a backlog was full: unknown here.
#[cfg(not(target_os = "linux"))]
pub fn listen_overflows() -> u64 {
    0
}
