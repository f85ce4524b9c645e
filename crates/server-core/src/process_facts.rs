//! What a process that forks must know of itself, and a child of its parent.

use std::io;

/// Fails where this process has more than one thread. A child gets a copy of the thread that forks
/// and of no other, and of all locks as the others held them.
///
/// # Errors
///
/// One that says how many there are.
#[cfg(target_os = "linux")]
pub fn require_one_thread() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(threads @ 2..) => {
            let what =
                format!("a server that forks needs a process with one thread, not {threads}");
            Err(io::Error::other(what))
        }
        // Without /proc there is no way to know.
        _ => Ok(()),
    }
}

/// Elsewhere the system does not say how many threads there are.
///
/// # Errors
///
/// None.
#[cfg(not(target_os = "linux"))]
pub fn require_one_thread() -> io::Result<()> {
    Ok(())
}

/// Lets this process end with its parent, also where that is killed.
#[cfg(target_os = "linux")]
pub fn end_with(parent: u32) {
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    // The parent may have ended before this call: then no signal will come.
    if nix::unistd::getppid().as_raw().cast_unsigned() != parent {
        std::process::exit(1);
    }
}

/// Elsewhere a parent that is killed leaves its children behind.
#[cfg(not(target_os = "linux"))]
pub fn end_with(_: u32) {}
