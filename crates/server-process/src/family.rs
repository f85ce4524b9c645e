//! What a server and its children are: processes, threads, and how their memory is laid out. Only
//! Linux has what this reads.

use std::io;
use std::time::Duration;

use nix::unistd::Pid;
use serde::Serialize;

/// A server with its children.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Family {
    /// How many processes it is.
    pub processes: usize,
    /// How many threads they have together, without those that the kernel adds for io_uring.
    pub threads: usize,
    /// How many descriptors they have open together.
    pub descriptors: usize,
}

impl Family {
    /// Looks at a server and each of its children, one after the other: each look takes a
    /// descriptor.
    ///
    /// # Errors
    ///
    /// When the server is gone, or `/proc` cannot be read.
    pub fn of(server: Pid) -> io::Result<Self> {
        let members = system::members(server)?;
        let descriptors = members.iter().map(|(_, descriptors)| descriptors).sum();
        let threads = members.iter().map(|(threads, _)| threads).sum();
        Ok(Family { processes: members.len(), threads, descriptors })
    }
}

/// The processes of a server: its own first, then its children, those not that have ended.
///
/// # Errors
///
/// When the server is gone, or `/proc` cannot be read.
pub fn processes(server: Pid) -> io::Result<Vec<Pid>> {
    system::processes(server)
}

/// How the memory of a server and its children is laid out, together.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Mappings {
    /// How many there are: the lines of `/proc/PID/maps`.
    pub mappings: usize,
    /// How large the tables are by which the processor finds their pages, in bytes.
    pub page_table_bytes: u64,
}

impl Mappings {
    /// Looks at a server and each of its children.
    ///
    /// # Errors
    ///
    /// When the server is gone, or `/proc` cannot be read.
    pub fn of(server: Pid) -> io::Result<Self> {
        let all = system::mappings(server)?;
        let mappings = all.iter().map(|(count, _)| count).sum();
        Ok(Mappings { mappings, page_table_bytes: all.iter().map(|(_, bytes)| bytes).sum() })
    }
}

/// The proportional set size of a server and its children, in bytes: shared pages are shared out.
///
/// # Errors
///
/// When the server is gone, or `/proc` cannot be read.
pub fn proportional_set_size(server: Pid) -> io::Result<f64> {
    system::rolled_up(server, "Pss")
}

/// What of that is in transparent huge pages, in bytes: the kernel keeps one entry for 2 MiB of it (on x86-64), and
/// not one for each 4 KiB.
///
/// # Errors
///
/// When the server is gone, or `/proc` cannot be read.
pub fn huge_pages(server: Pid) -> io::Result<f64> {
    system::rolled_up(server, "AnonHugePages")
}

/// CPU time that a server and its children, also those that it has waited for, have used so far, in steps of the kernel's clock: 10 ms.
///
/// # Errors
///
/// When the server is gone, or `/proc` cannot be read.
pub fn cpu_time(server: Pid) -> io::Result<Duration> {
    system::cpu_time(server)
}

/// Whether a server, or one of its children, ignores SIGCHLD. The kernel then forgets their children as soon as
/// they end, and nobody is ever charged for the time that these have used (`wait(2)`).
///
/// # Errors
///
/// When the server is gone, or `/proc` cannot be read.
pub fn forgets_children(server: Pid) -> io::Result<bool> {
    system::forgets_children(server)
}

#[cfg(target_os = "linux")]
pub use system::own_threads;

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::time::Duration;

    use nix::sys::signal::Signal;
    use nix::unistd::Pid;
    use procfs::ProcError;
    use procfs::process::{Process, Task};

    pub(super) fn processes(server: Pid) -> io::Result<Vec<Pid>> {
        each(server, |process| Ok(Pid::from_raw(process.pid())))
    }

    /// The threads and the descriptors of each process.
    pub(super) fn members(server: Pid) -> io::Result<Vec<(usize, usize)>> {
        each(server, |process| Ok((own_threads(process)?.count(), process.fd_count()?)))
    }

    /// The threads of a process that live, one after the other: each takes a descriptor. Operations of io_uring
    /// that have to wait may get a worker, which the kernel adds to the process: the program has not asked for it, and
    /// it goes when it has been idle.
    ///
    /// # Errors
    ///
    /// When the process is gone, or `/proc` cannot be read.
    pub fn own_threads(process: &Process) -> Result<impl Iterator<Item = Task> + use<>, ProcError> {
        let is_own = |task: &Task| task.stat().is_ok_and(|it| !it.comm.starts_with("iou-wrk"));
        Ok(process.tasks()?.flatten().filter(is_own))
    }

    /// The mappings and the bytes of page tables of each process.
    pub(super) fn mappings(server: Pid) -> io::Result<Vec<(usize, u64)>> {
        each(server, |process| {
            let kib = process.status()?.vmpte.unwrap_or_default();
            Ok((process.maps()?.len(), kib * 1024))
        })
    }

    pub(super) fn forgets_children(server: Pid) -> io::Result<bool> {
        const IGNORED: u64 = 1 << (Signal::SIGCHLD as u64 - 1);
        let forgetful = each(server, |process| Ok(process.status()?.sigign & IGNORED != 0))?;
        Ok(forgetful.contains(&true))
    }

    pub(super) fn cpu_time(server: Pid) -> io::Result<Duration> {
        let ticks = each(server, |process| {
            let stat = process.stat()?;
            // With that of children that have ended.
            let ended = (stat.cutime + stat.cstime).unsigned_abs();
            Ok(stat.utime + stat.stime + ended)
        });
        let seconds = ticks?.iter().sum::<u64>() as f64 / procfs::ticks_per_second() as f64;
        Ok(Duration::from_secs_f64(seconds))
    }

    /// A line of `/proc/PID/smaps_rollup` (proc_pid_smaps(5)) over all processes, in bytes.
    pub(super) fn rolled_up(server: Pid, name: &str) -> io::Result<f64> {
        let sizes = each(server, |process| {
            let maps = process.smaps_rollup()?;
            let map = maps.memory_map_rollup.0.first();
            let size = map.and_then(|map| map.extension.map.get(name));
            size.map(|size| *size as f64).ok_or_else(|| ProcError::Other(format!("no {name}")))
        });
        Ok(sizes?.into_iter().sum())
    }

    /// Looks at a process and all that descend from it, in turn. One that ends during the look is left out.
    fn each<T>(server: Pid, look: impl Fn(&Process) -> Result<T, ProcError>) -> io::Result<Vec<T>> {
        let family = || -> Result<Vec<T>, ProcError> {
            let server = Process::new(server.as_raw())?;
            let mut seen = vec![look(&server)?];
            let mut to_see = children(&server);
            while let Some(child) = to_see.pop() {
                let looked = look(&child);
                to_see.extend(children(&child));
                if is_alive(&child) {
                    seen.push(looked?);
                }
            }
            Ok(seen)
        };
        family().map_err(|error| io::Error::other(format!("/proc: {error}")))
    }

    /// The children of a process, the last first. A thread that ends during the look has none.
    fn children(process: &Process) -> Vec<Process> {
        let threads = process.tasks().into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| thread.children().ok()).flatten();
        let mut children: Vec<Process> =
            children.filter_map(|child| Process::new(child.cast_signed()).ok()).collect();
        children.reverse();
        children
    }

    /// A zombie is a number and a status.
    fn is_alive(process: &Process) -> bool {
        process.stat().is_ok_and(|stat| stat.state != 'Z')
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::time::Duration;

    use nix::unistd::Pid;

    pub(super) fn processes(_: Pid) -> io::Result<Vec<Pid>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn members(_: Pid) -> io::Result<Vec<(usize, usize)>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn mappings(_: Pid) -> io::Result<Vec<(usize, u64)>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn forgets_children(_: Pid) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn cpu_time(_: Pid) -> io::Result<Duration> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn rolled_up(_: Pid, _: &str) -> io::Result<f64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::unistd::{Pid, gettid};
    use procfs::process::Process;

    /// As with `npm start` or a shell that starts a server and waits for it.
    #[test]
    fn a_child_of_a_child_belongs_to_the_family() {
        let nested = "sh -c \"sh -c 'read -r line; true'; true\"; true";
        let mut command = Command::new("sh");
        let mut shell =
            command.args(["-c", nested]).stdin(Stdio::piped()).spawn().expect("a shell");
        let process = Pid::from_raw(shell.id().cast_signed());
        let count = || super::processes(process).map_or(0, |all| all.len());
        let end = Instant::now() + Duration::from_secs(20);
        while count() < 3 && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        let counted = count();
        drop(shell.stdin.take());
        shell.wait().expect("its end");
        assert_eq!(counted, 3);
    }

    #[test]
    fn a_worker_of_the_kernel_is_no_thread_of_the_program() {
        let (tell, told) = channel();
        let named = |name: &str| {
            let tell = tell.clone();
            let wait = move || {
                tell.send(gettid().as_raw()).expect("who asked");
                thread::park();
            };
            thread::Builder::new().name(name.to_owned()).spawn(wait).expect("a thread");
            told.recv().expect("its number")
        };
        let (worker, kernels) = (named("worker"), named("iou-wrk-1"));
        let this = Process::myself().expect("this process");
        let threads: Vec<i32> =
            super::own_threads(&this).expect("/proc").map(|task| task.tid).collect();
        assert!(threads.contains(&worker) && !threads.contains(&kernels), "{threads:?}");
    }
}
