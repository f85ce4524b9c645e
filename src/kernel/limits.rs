//! How many processes, threads and waiting connections the system allows.

use std::path::Path;

use server_core::BACKLOG;

/// How many processes and threads may be started yet, and what says so.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// How many.
    pub free: u64,
    /// The limit that leaves no more.
    pub limit: &'static str,
}

impl Tasks {
    /// Reads all limits that this process has.
    pub fn here() -> Self {
        let limits = [
            (user_limit(), "the user's limit of processes and threads (`ulimit -u`)"),
            (group_limit(), "the control group's limit of processes and threads (pids.max)"),
            (
                number("/proc/sys/kernel/pid_max"),
                "the system's number of processes (kernel.pid_max)",
            ),
            (
                number("/proc/sys/kernel/threads-max"),
                "the system's number of threads (kernel.threads-max)",
            ),
        ];
        let known =
            limits.into_iter().filter_map(|(free, limit)| Some(Tasks { free: free?, limit }));
        let least = known.min_by_key(|tasks| tasks.free);
        least.unwrap_or(Tasks { free: u64::MAX, limit: "nothing" })
    }
}

/// What is left of RLIMIT_NPROC, which is none for root: getrlimit(2).
#[cfg(target_os = "linux")]
fn user_limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};

    let user = nix::unistd::Uid::effective();
    let (limit, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    let processes = procfs::process::all_processes().ok()?.flatten();
    let own = processes.filter(|it| it.uid().is_ok_and(|uid| uid == user.as_raw()));
    let threads = own.filter_map(|it| it.stat().ok()).map(|stat| stat.num_threads.unsigned_abs());
    (!user.is_root()).then(|| limit.saturating_sub(threads.sum()))
}

/// Elsewhere the system does not tell how many there are.
#[cfg(not(target_os = "linux"))]
fn user_limit() -> Option<u64> {
    None
}

/// What is left of the least limit of the control group and of those that it is in: `pids.max` of cgroups(7).
fn group_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    Path::new(path)
        .ancestors()
        .filter_map(|group| left_in(Path::new("/sys/fs/cgroup"), group))
        .min()
}

fn left_in(root: &Path, group: &Path) -> Option<u64> {
    let directory = root.join(group.strip_prefix("/").unwrap_or(group));
    let read = |file: &str| number(directory.join(file).to_str()?);
    Some(read("pids.max")?.saturating_sub(read("pids.current")?))
}

/// How many connections the backlog of a listener of ours may hold: listen(2) shortens what a server asks for.
pub fn backlog() -> usize {
    let asked = BACKLOG.unsigned_abs() as usize;
    let most = number("/proc/sys/net/core/somaxconn").and_then(|most| usize::try_from(most).ok());
    most.map_or(asked, |most| asked.min(most))
}

fn number(file: &str) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
