//! What the threads of a process and of its children do in the kernel, call by call: `ptrace(2)`.
//!
//! A tracee stops at the entry and at the return of each system call, where it starts a thread or a
//! process, and where a signal reaches it, until the tracer lets it go on.

use std::collections::HashMap;
use std::io;
use std::thread;

use nix::errno::Errno;
use nix::libc::{PTRACE_SYSCALL_INFO_ENTRY, PTRACE_SYSCALL_INFO_EXIT};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use procfs::process::Process;
use syscalls::Sysno;

/// A system call as it was made.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name in `syscalls(2)`.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// What a thread comes to.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// It enters a system call.
    Enters(Call),
    /// Its call returns this number, or minus the number of an error.
    Returns(Call, i64),
    /// In the midst of its call it has started a thread or a process.
    Starts(Pid),
    /// A signal reaches it.
    Receives(Signal),
    /// It is no more.
    Ends,
}

/// Follows a process, its threads, and whatever they start. Only the thread that began to trace can
/// go on with it, and tracees are let go at its end, so it is lent to that thread's work.
pub struct Tracer {
    tracees: HashMap<Pid, Tracee>,
    /// Who stands still since the last happening, and the signal that it is to get.
    stopped: Option<(Pid, Option<Signal>)>,
}

#[derive(Default)]
struct Tracee {
    call: Option<Call>,
    stops: u64,
}

impl Tracer {
    /// Does some work, in a thread of its own, while a process and its children are traced. Blocks
    /// until the work is done.
    ///
    /// # Errors
    ///
    /// When the process may not be traced: it is traced already, or the system forbids it.
    pub fn follow<T: Send>(
        process: Pid,
        work: impl FnOnce(&mut Tracer) -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let traced = || work(&mut Tracer::seize(process)?);
        thread::scope(|scope| scope.spawn(traced).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn seize(process: Pid) -> io::Result<Self> {
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK;
        let mut tracer = Tracer { tracees: HashMap::new(), stopped: None };
        for thread in threads_of(process)? {
            // So that a call in which it waits is entered anew, before the tracer's eyes.
            let stop = |()| ptrace::interrupt(thread);
            match ptrace::seize(thread, options).and_then(stop) {
                Ok(()) => drop(tracer.tracees.insert(thread, Tracee::default())),
                // It has ended since the list was made: no such process, or not permitted.
                Err(_) if !lives(thread) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if tracer.tracees.is_empty() { Err(Errno::ESRCH.into()) } else { Ok(tracer) }
    }

    /// What happened next, if anything has. Whom it happened to stands still until this is called
    /// again. Does not block.
    ///
    /// # Errors
    ///
    /// Those of `ptrace(2)` and `waitpid(2)`.
    pub fn next_happening(&mut self) -> io::Result<Option<(Pid, Happening)>> {
        loop {
            if let Some((pid, signal)) = self.stopped.take() {
                unless_gone(ptrace::syscall(pid, signal))?;
            }
            // Only this thread's tracees, and not the other children of this process.
            let whom = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD | WaitPidFlag::WNOHANG;
            let status = match waitpid(None, Some(whom)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
                Err(Errno::EINTR) => continue,
                status => status?,
            };
            if let (Some(pid), Some(happening)) = (status.pid(), self.look_at(status)?) {
                return Ok(Some((pid, happening)));
            }
        }
    }

    fn look_at(&mut self, status: WaitStatus) -> io::Result<Option<Happening>> {
        let Some(pid) = status.pid() else { return Ok(None) };
        if matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)) {
            self.tracees.remove(&pid);
            return Ok(Some(Happening::Ends));
        }
        let signal = match status {
            WaitStatus::Stopped(_, signal) => Some(signal),
            _ => None,
        };
        self.stopped = Some((pid, signal));
        let tracee = self.tracees.entry(pid).or_default();
        tracee.stops += 1;
        Ok(match status {
            WaitStatus::PtraceSyscall(_) => unless_gone(syscall_stop(pid, tracee))?.flatten(),
            WaitStatus::PtraceEvent(_, _, event) if event != nix::libc::PTRACE_EVENT_STOP => {
                let number = unless_gone(ptrace::getevent(pid))?;
                let started = number.and_then(|it| i32::try_from(it).ok()).map(Pid::from_raw);
                if let Some(started) = started {
                    self.tracees.entry(started).or_default();
                }
                started.map(Happening::Starts)
            }
            _ => signal.map(Happening::Receives),
        })
    }

    /// How often a thread has been set to wait by anything but this tracer, while it stands still; 0
    /// where it is gone.
    pub fn waits(&self, pid: Pid) -> u64 {
        let status = process(pid).and_then(|it| it.status().map_err(io::Error::other));
        let switches = status.ok().and_then(|it| it.voluntary_ctxt_switches).unwrap_or_default();
        // Each of its stops is a voluntary switch too.
        let stops = self.tracees.get(&pid).map_or(0, |tracee| tracee.stops);
        switches.saturating_sub(stops)
    }

    /// Whether a thread has a handler for a signal.
    pub fn catches(&self, pid: Pid, signal: Signal) -> bool {
        let status = process(pid).and_then(|it| it.status().map_err(io::Error::other));
        status.is_ok_and(|it| it.sigcgt & (1 << (signal as i32 - 1)) != 0)
    }

    /// Whether everybody waits in a system call.
    pub fn is_quiet(&self) -> bool {
        let state = |pid| process(pid).and_then(|it| it.stat().map_err(io::Error::other));
        let waits = |pid: &Pid| state(*pid).is_ok_and(|stat| stat.state == 'S');
        self.tracees.iter().all(|(pid, tracee)| tracee.call.is_some() && waits(pid))
    }
}

impl Drop for Tracer {
    /// Lets go of whoever stands still, with its signal: the end of the thread would lose that.
    fn drop(&mut self) {
        if let Some((pid, signal)) = self.stopped.take() {
            let _ = ptrace::detach(pid, signal);
        }
    }
}

/// The threads of a process, and those of its children and theirs.
///
/// # Errors
///
/// When it is gone.
pub fn threads_of(pid: Pid) -> io::Result<Vec<Pid>> {
    let (mut threads, mut children) = (Vec::new(), Vec::new());
    for task in process(pid)?.tasks().map_err(io::Error::other)?.flatten() {
        threads.push(Pid::from_raw(task.tid));
        // One that has ended meanwhile has no children any more.
        children.extend(task.children().unwrap_or_default());
    }
    // A child may go at any moment, and one that has ended has nothing left to follow.
    let children = children.into_iter().map(|child| Pid::from_raw(child.cast_signed()));
    threads.extend(
        children.filter(|child| lives(*child)).filter_map(|child| threads_of(child).ok()).flatten(),
    );
    Ok(threads)
}

/// The same, with the names of those that were given one: the others are called as the first is.
///
/// # Errors
///
/// When it is gone.
pub fn named_threads_of(pid: Pid) -> io::Result<Vec<(Pid, Option<String>)>> {
    let name = |it| process(it)?.stat().map(|it| it.comm).map_err(io::Error::other);
    let first = name(pid)?;
    let named = |thread| Ok((thread, Some(name(thread)?).filter(|name| *name != first)));
    threads_of(pid)?.into_iter().map(named).collect()
}

fn lives(pid: Pid) -> bool {
    let stat = process(pid).and_then(|it| it.stat().map_err(io::Error::other));
    stat.is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

fn process(pid: Pid) -> io::Result<Process> {
    Process::new(pid.as_raw()).map_err(io::Error::other)
}

/// What a stop at a system call means: its entry or its return.
#[allow(unsafe_code)]
fn syscall_stop(pid: Pid, tracee: &mut Tracee) -> nix::Result<Option<Happening>> {
    let info = ptrace::syscall_info(pid)?;
    Ok(match info.op {
        PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: the kernel has written the part that `op` names, and any bits are numbers.
            let entry = unsafe { info.u.entry };
            let number = usize::try_from(entry.nr).ok().and_then(Sysno::new);
            let name = number.map_or("unknown", |number| number.name());
            let call = Call { name, arguments: entry.args };
            tracee.call = Some(call);
            Some(Happening::Enters(call))
        }
        PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: as above.
            let result = unsafe { info.u.exit }.sval;
            tracee.call.take().map(|call| Happening::Returns(call, result))
        }
        _ => None,
    })
}

/// A tracee may be killed at any moment; that is told at its end.
fn unless_gone<T>(result: nix::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(Errno::ESRCH) => Ok(None),
        result => Ok(Some(result?)),
    }
}
