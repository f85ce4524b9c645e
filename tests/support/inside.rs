//! What a process holds, as `/proc` tells it: only Linux does, so tests that ask fail elsewhere.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Pid, Uid};
use socket2::Socket;

use super::{Server, wait_until};

impl Server {
    /// The CPU time that its process has used, without that of its children.
    pub(crate) fn cpu_time(&self) -> Duration {
        system::cpu_time(self.process.process())
    }

    /// Whether its process has ended, waited for or not.
    pub(crate) fn is_gone(&self) -> bool {
        is_gone(self.process.process())
    }

    /// Lets it stand still, with its children, until it is to go on.
    pub(crate) fn pause(&self) {
        self.process.signal_group(Signal::SIGSTOP).expect("a running server");
        let stat = format!("/proc/{}/stat", self.process.process());
        let stands = || std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T "));
        wait_until("it stands still", stands);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.process.signal_group(Signal::SIGCONT).expect("a stopped server");
    }

    /// How many threads its process has, but for those that the kernel gives to a ring now and then and
    /// may leave there (io_uring's `iou-wrk`).
    pub(crate) fn threads(&self) -> usize {
        let tasks = format!("/proc/{}/task", self.process.process());
        let tasks = std::fs::read_dir(tasks).expect("its process, in /proc");
        // One that ends meanwhile is counted: whoever waits for an end asks again.
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
        let names = tasks.map(|task| task.and_then(name).unwrap_or_default());
        names.filter(|name| !name.starts_with("iou-wrk")).count()
    }

    /// How many descriptors its process has open.
    pub(crate) fn descriptors(&self) -> usize {
        entries(self.process.process(), "fd")
    }

    /// How many children its process has, ended ones that it has not reaped included.
    pub(crate) fn children(&self) -> usize {
        children_of(self.process.process()).len()
    }

    /// A copy of its listening socket, taken out of its process.
    pub(crate) fn listener(&self) -> Socket {
        system::listener(self.process.process())
    }
}

fn entries(process: Pid, what: &str) -> usize {
    std::fs::read_dir(format!("/proc/{process}/{what}")).expect("its process, in /proc").count()
}

/// The children of a process, ended ones that it has not reaped included.
pub(crate) fn children_of(process: Pid) -> Vec<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let children = children.expect("its process, in /proc");
    let numbers = children.split_whitespace().filter_map(|number| number.parse().ok());
    numbers.map(Pid::from_raw).collect()
}

/// Whether a process has ended. Whoever is to wait for it may not have.
pub(crate) fn is_gone(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|state| state.is_empty() || state.starts_with('Z'))
}

/// How many processes and threads a user has.
pub(crate) fn tasks_of(user: Uid) -> usize {
    system::tasks_of(user)
}

#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use nix::libc::{SYS_pidfd_getfd, SYS_pidfd_open, syscall};
    use procfs::process::Process;

    use super::*;

    pub(super) fn cpu_time(process: Pid) -> Duration {
        let process = Process::new(process.as_raw());
        let stat = process.and_then(|process| process.stat()).expect("its process");
        let ticks = (stat.utime + stat.stime) as f64;
        Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64)
    }

    pub(super) fn tasks_of(user: Uid) -> usize {
        let processes = procfs::process::all_processes().expect("/proc");
        let own = processes.flatten().filter(|it| it.uid().is_ok_and(|uid| uid == user.as_raw()));
        own.filter_map(|process| process.tasks().ok()).map(|tasks| tasks.count()).sum()
    }

    pub(super) fn listener(process: Pid) -> Socket {
        let sockets = std::fs::read_dir(format!("/proc/{process}/fd")).expect("its process");
        let numbers = sockets.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut copies = numbers.filter_map(|it| copy_descriptor(process, it).map(Socket::from));
        copies.find(|socket| socket.is_listener().unwrap_or(false)).expect("a listener")
    }

    /// A copy of another process's descriptor: pidfd_getfd(2).
    #[allow(unsafe_code)]
    fn copy_descriptor(pid: Pid, number: i32) -> Option<OwnedFd> {
        // SAFETY: the call takes numbers only, and returns a new descriptor or -1.
        let process = owned(unsafe { syscall(SYS_pidfd_open, pid.as_raw(), 0) })?;
        // SAFETY: as above.
        owned(unsafe { syscall(SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })
    }

    /// What a system call returned that makes a descriptor.
    #[allow(unsafe_code)]
    fn owned(returned: i64) -> Option<OwnedFd> {
        let number = i32::try_from(returned).ok().filter(|number| *number >= 0)?;
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        Some(unsafe { OwnedFd::from_raw_fd(number) })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::*;

    const WHY: &str = "only Linux tells";

    pub(super) fn cpu_time(_: Pid) -> Duration {
        panic!("{WHY}")
    }

    pub(super) fn tasks_of(_: Uid) -> usize {
        panic!("{WHY}")
    }

    pub(super) fn listener(_: Pid) -> Socket {
        panic!("{WHY}")
    }
}
