//! What the kernel reports about a bare server's process.

use std::fmt;

use crate::exercise::Fault;

/// The children of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Children {
    pub(super) living: usize,
    /// Those that have ended, and nobody has asked how.
    pub(super) dead: usize,
}

impl fmt::Debug for Children {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} living, {} dead and not reaped", self.living, self.dead)
    }
}

/// What a task needs that this system does not tell.
#[cfg(not(target_os = "linux"))]
const NOT_TOLD: &str = "only Linux tells this of a process";

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use procfs::process::{FDTarget, Process, all_processes};

    use super::{Children, Fault};

    fn process(pid: i32) -> Result<Process, Fault> {
        let lives = |it: &Process| it.stat().is_ok_and(|stat| stat.state != 'Z');
        let process = Process::new(pid).ok().filter(lives);
        process.ok_or_else(|| Fault::Wrong("the server's process has ended".to_owned()))
    }

    /// How many threads it has, but for those that the kernel gives to a ring now and then.
    pub(in crate::tasks) fn threads(pid: i32) -> Result<usize, Fault> {
        let names = process(pid)?.tasks()?.filter_map(|it| Some(it.ok()?.stat().ok()?.comm));
        Ok(names.filter(|name| !name.starts_with("iou-wrk")).count())
    }

    /// How many children it has.
    pub(in crate::tasks) fn children(pid: i32) -> Result<Children, Fault> {
        let stats = all_processes()?.filter_map(|it| it.ok()?.stat().ok());
        let children: Vec<_> = stats.filter(|it| it.ppid == pid).collect();
        let dead = children.iter().filter(|it| it.state == 'Z').count();
        Ok(Children { living: children.len() - dead, dead })
    }

    /// How many descriptors it has open.
    pub(in crate::tasks) fn descriptors(pid: i32) -> Result<usize, Fault> {
        Ok(process(pid)?.fd_count()?)
    }

    /// Whether it has a ring of io_uring.
    pub(in crate::tasks) fn has_ring(pid: i32) -> Result<bool, Fault> {
        let is_ring =
            |target: FDTarget| matches!(target, FDTarget::AnonInode(it) if it == "[io_uring]");
        Ok(process(pid)?.fd()?.any(|it| it.is_ok_and(|it| is_ring(it.target))))
    }

    /// The CPU time that it has used.
    pub(in crate::tasks) fn cpu_time(pid: i32) -> Result<Duration, Fault> {
        let stat = process(pid)?.stat()?;
        let ticks = (stat.utime + stat.stime) as f64;
        Ok(Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64))
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::*;

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::time::Duration;

    use super::{Children, Fault, NOT_TOLD};

    pub(in crate::tasks) fn threads(_: i32) -> Result<usize, Fault> {
        Err(Fault::NotHere(NOT_TOLD))
    }

    pub(in crate::tasks) fn children(_: i32) -> Result<Children, Fault> {
        Err(Fault::NotHere(NOT_TOLD))
    }

    pub(in crate::tasks) fn descriptors(_: i32) -> Result<usize, Fault> {
        Err(Fault::NotHere(NOT_TOLD))
    }

    pub(in crate::tasks) fn cpu_time(_: i32) -> Result<Duration, Fault> {
        Err(Fault::NotHere(NOT_TOLD))
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::*;
