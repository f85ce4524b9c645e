//! What a server and its children are: processes, threads, and how their memory is laid out. Only
//! Linux has what this reads.

use std::io;

use nix::unistd::Pid;
use serde::Serialize;

/// A server with its children.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Family {
    /// How many processes it is.
    pub processes: usize,
    /// How many threads they have together.
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
    /// When one of them is gone, or `/proc` cannot be read.
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
    /// When one of them is gone, or `/proc` cannot be read.
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
/// When one of them is gone, or `/proc` cannot be read.
pub fn proportional_set_size(server: Pid) -> io::Result<f64> {
    system::proportional_set_size(server)
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use nix::unistd::Pid;
    use procfs::ProcError;
    use procfs::process::Process;

    pub(super) fn processes(server: Pid) -> io::Result<Vec<Pid>> {
        each(server, |process| Ok(Pid::from_raw(process.pid())))
    }

    /// The threads and the descriptors of each process.
    pub(super) fn members(server: Pid) -> io::Result<Vec<(usize, usize)>> {
        each(server, |process| Ok((process.tasks()?.count(), process.fd_count()?)))
    }

    /// The mappings and the bytes of page tables of each process.
    pub(super) fn mappings(server: Pid) -> io::Result<Vec<(usize, u64)>> {
        each(server, |process| {
            let kib = process.status()?.vmpte.unwrap_or_default();
            Ok((process.maps()?.len(), kib * 1024))
        })
    }

    pub(super) fn proportional_set_size(server: Pid) -> io::Result<f64> {
        let sizes = each(server, |process| {
            let maps = process.smaps_rollup()?;
            let map = maps.memory_map_rollup.0.first();
            let size = map.and_then(|map| map.extension.map.get("Pss"));
            size.map(|size| *size as f64).ok_or_else(|| ProcError::Other("no Pss".to_owned()))
        });
        Ok(sizes?.into_iter().sum())
    }

    /// Looks at a process and each of its children in turn.
    fn each<T>(server: Pid, look: impl Fn(Process) -> Result<T, ProcError>) -> io::Result<Vec<T>> {
        let family = || -> Result<Vec<T>, ProcError> {
            let mut pids = vec![server.as_raw()];
            for task in Process::new(server.as_raw())?.tasks()? {
                pids.extend(task?.children()?.into_iter().map(u32::cast_signed));
            }
            let processes = pids.into_iter().map(Process::new);
            // A zombie is a number and a status.
            let is_alive = |it: &Process| it.stat().is_ok_and(|stat| stat.state != 'Z');
            let alive = processes.filter(|it| !it.as_ref().is_ok_and(|it| !is_alive(it)));
            alive.map(|process| look(process?)).collect()
        };
        family().map_err(|error| io::Error::other(format!("/proc: {error}")))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

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

    pub(super) fn proportional_set_size(_: Pid) -> io::Result<f64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
