//! Threads that cost what a thread costs: an overflow of the stack is left to the kernel.
//!
//! Below each stack lies a guard page, and a program that runs into it dies of SIGSEGV. To put a
//! message before that end, the standard library catches SIGSEGV and SIGBUS. A handler needs a
//! stack when the thread's own is full; so each new thread asks where its stack ends
//! (`sched_getaffinity` is part of that), maps a second one, protects it, announces it
//! (`sigaltstack`), and takes it down at its end. These calls change the mappings of the whole
//! process: they take a lock that all its threads share, and interrupt the other CPUs that run it.
//! A server with a thread per connection pays for the message with each connection.
//!
//! The library does so only where it finds the default disposition, and looks once, before `main`.
//! There is a handler here by then. All else that the library does at its start stays.

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

/// Catches what the standard library would catch. Runs before `main`.
#[allow(unsafe_code)]
// SAFETY: runs before the standard library is set up and uses nothing of it, only `sigaction(2)`.
#[ctor::ctor(unsafe)]
fn catch_first() {
    let end = SigHandler::Handler(end_as_by_default);
    let action = SigAction::new(end, SaFlags::SA_RESETHAND, SigSet::empty());
    for signal in [Signal::SIGSEGV, Signal::SIGBUS] {
        // SAFETY: the handler is safe at any moment, since it does nothing but `raise`.
        let _ = unsafe { sigaction(signal, &action) };
    }
}

/// Ends the process by the signal, whose default disposition is back (`SA_RESETHAND`). A thread
/// whose stack is full has no room for this handler, and the kernel ends the process by itself.
extern "C" fn end_as_by_default(signal: c_int) {
    if let Ok(signal) = Signal::try_from(signal) {
        let _ = raise(signal);
    }
}
