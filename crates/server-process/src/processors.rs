//! What a started process may have of the machine: which processors, and when.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// Lets the process that `command` starts, and all that descends from it, have a processor only when no other
/// process wants it (`setpriority(2)`).
#[allow(unsafe_code)]
pub fn at_lowest_priority(command: &mut Command) {
    const LOWEST: i32 = 19;
    let lower = || {
        // SAFETY: the call takes numbers only.
        match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWEST) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec it makes one system call, and allocates nothing.
    unsafe { command.pre_exec(lower) };
}

/// Keeps the process that `command` starts, and all that descends from it, to the first so many of the processors
/// that this process may use (`sched_setaffinity(2)`). Only Linux has that: elsewhere it does not start.
#[allow(unsafe_code)]
pub fn keep_to_cpus(command: &mut Command, count: usize) {
    let keep = move || cpus::keep_to_first(count);
    // SAFETY: between fork and exec it makes two system calls, on a set that lies on the stack.
    unsafe { command.pre_exec(keep) };
}

#[cfg(target_os = "linux")]
mod cpus {
    use std::io;

    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    pub(super) fn keep_to_first(count: usize) -> io::Result<()> {
        let (allowed, mut kept) = (sched_getaffinity(Pid::from_raw(0))?, CpuSet::new());
        let is_allowed = |cpu: &usize| allowed.is_set(*cpu).unwrap_or(false);
        for cpu in (0..CpuSet::count()).filter(is_allowed).take(count) {
            kept.set(cpu)?;
        }
        Ok(sched_setaffinity(Pid::from_raw(0), &kept)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod cpus {
    use std::io;

    pub(super) fn keep_to_first(_: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_kept_to_a_processor_and_is_the_last_to_get_it_is_told_so() {
        let mut command = Command::new("sh");
        command.args(["-c", "nproc; nice"]);
        keep_to_cpus(&mut command, 1);
        at_lowest_priority(&mut command);
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n19\n");
    }
}
