//! What a server makes of the state that its parent has left it: `execve(2)` keeps more than a program
//! expects, and a service manager, a shell or a test may have changed any of it.
//!
//! | inherited | what a server does | why |
//! | --- | --- | --- |
//! | blocked signals | unblocks all | a blocked SIGTERM would never end it, a blocked SIGCHLD would hide the end of its children |
//! | running interval timers | stops them | the SIGALRM of its parent's `alarm(2)` would end it |
//! | SIGXFSZ | ignores it | a log file at its limit (RLIMIT_FSIZE) is a line that is lost, and no end |
//! | SIGPIPE | ignores it (the standard library does) | a client that has gone is an error of one write |
//! | SIGHUP | keeps it ignored | its parent meant that: `nohup(1)` |
//! | other signals that were ignored | catches those that it uses | a shell ignores SIGINT for what it runs in the background |
//! | soft limit of open files | raises it as far as it goes | a connection is a descriptor |
//! | other limits, user, directory, `umask` | keeps them | its parent meant them |

use std::mem::MaybeUninit;
use std::ptr;

use nix::libc::{
    ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, SIG_IGN, itimerval, setitimer, sigaction,
};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};

use crate::raise_open_file_limit;

/// Sets what a server needs, as the table says. To be called before it has threads or handlers. What the
/// system refuses stays as it was.
pub(crate) fn set_what_a_server_needs() {
    let _ = SigSet::empty().thread_set_mask();
    stop_timers();
    ignore_file_limit();
    raise_open_file_limit();
}

#[allow(unsafe_code)]
fn stop_timers() {
    // SAFETY: a timer of zeros is a valid one: it is stopped.
    let never: itimerval = unsafe { MaybeUninit::zeroed().assume_init() };
    for timer in [ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF] {
        // SAFETY: the call reads `never`, which lives through it, and writes nothing back.
        unsafe { setitimer(timer, &never, ptr::null_mut()) };
    }
}

#[allow(unsafe_code)]
fn ignore_file_limit() {
    // SAFETY: a signal that is ignored runs no code.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// Whether a signal was ignored before this process has handled it.
#[allow(unsafe_code)]
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: the call sets no action, and writes one that is as large as the kernel's.
    let known = unsafe { sigaction(signal, ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: zeros are a valid action too: the default one.
    known && unsafe { action.assume_init() }.sa_sigaction == SIG_IGN
}
