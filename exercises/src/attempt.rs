//! How a task is tried: in a process of its own, so that one that hangs, spins, panics or ends the
//! process is one line in the guide, and leaves nothing behind.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::libc::_exit;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stdout, fork, setpgid};

use server_core::CpuTime;
use signal_hook::low_level::register;

use crate::{Fault, Outcome, Task};

/// How long a task may take.
pub const DEADLINE: Duration = Duration::from_secs(6);

/// How the line begins in which a task's process says how it went.
const DONE: &str = "done";
const WRONG: &str = "wrong ";
const NOT_HERE: &str = "not here ";

/// How it went, as a user is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It is not, and why in a line.
    Wrong(String),
    /// It cannot be tried on this machine, and why.
    NotHere(String),
}

/// The process group of the attempt that is under way.
static UNDER_WAY: AtomicI32 = AtomicI32::new(NONE);
const NONE: i32 = 0;

/// The signals of [`end_with_this_process`].
fn ending_signals() -> SigSet {
    [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect()
}

/// Makes a signal that ends this process, such as by Ctrl-C, also end the attempt that is under way: it
/// is a process group of its own, and would go on.
///
/// # Errors
///
/// When a handler cannot be set up.
#[allow(unsafe_code)]
pub fn end_with_this_process() -> io::Result<()> {
    for signal in &ending_signals() {
        let signal = signal as i32;
        let end = move || {
            let group = UNDER_WAY.load(Ordering::SeqCst);
            if group != NONE {
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            // SAFETY: ends this process at once.
            unsafe { _exit(128 + signal) }
        };
        // SAFETY: the handler loads an atomic, kills, and exits, all of them async-signal-safe.
        unsafe { register(signal, end)? };
    }
    Ok(())
}

/// A task that is being tried.
#[derive(Debug)]
pub struct Attempt {
    child: Pid,
    said: UnixStream,
    deadline: Instant,
}

impl Attempt {
    /// Begins to try a task. Only for a process with one thread.
    ///
    /// # Errors
    ///
    /// When there is no process or no descriptor left.
    #[allow(unsafe_code)]
    pub fn begin(task: &Task) -> io::Result<Self> {
        server_core::require_one_thread()?;
        let (said, say) = UnixStream::pair()?;
        // Until it is known whom a signal has to end.
        let mask = ending_signals().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        // SAFETY: this process has one thread, so the child may run any code.
        let forked = unsafe { fork() };
        if let Ok(ForkResult::Parent { child }) = forked {
            // Also here, lest it be killed before it has done so itself.
            let _ = setpgid(child, child);
            UNDER_WAY.store(child.as_raw(), Ordering::SeqCst);
        }
        mask.thread_set_mask()?;
        match forked? {
            ForkResult::Child => child(task, say),
            ForkResult::Parent { child } => {
                Ok(Attempt { child, said, deadline: Instant::now() + DEADLINE })
            }
        }
    }

    /// Waits until it is done, at most until its deadline, and leaves none of its processes behind.
    ///
    /// # Errors
    ///
    /// When its process cannot be heard or waited for.
    pub fn verdict(mut self) -> io::Result<Verdict> {
        let (said, before) = (self.listen(), CpuTime::of_children());
        let _ = killpg(self.child, Signal::SIGKILL);
        // Its number may be somebody else's as soon as it was waited for.
        UNDER_WAY.store(NONE, Ordering::SeqCst);
        let status = waitpid(self.child, None)?;
        let used = CpuTime::of_children()?.since(before?).total();
        Ok(match said? {
            None => Verdict::Wrong(no_end(used)),
            Some(said) => verdict(&said).unwrap_or_else(|| Verdict::Wrong(ended(status))),
        })
    }

    /// What it says, up to the end of its line; less where it ended before; nothing where that took too long.
    fn listen(&mut self) -> io::Result<Option<String>> {
        let mut said = Vec::new();
        let mut bytes = [0; 1024];
        while !said.ends_with(b"\n") {
            let rest = self.deadline.saturating_duration_since(Instant::now());
            self.said.set_read_timeout(Some(rest.max(Duration::from_millis(1))))?;
            match self.said.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => said.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(String::from_utf8_lossy(&said).into_owned()))
    }
}

/// What a line says; nothing where it is no whole line.
fn verdict(said: &str) -> Option<Verdict> {
    let said = said.strip_suffix('\n')?;
    if let Some(why) = said.strip_prefix(NOT_HERE) {
        return Some(Verdict::NotHere(why.to_owned()));
    }
    Some(said.strip_prefix(WRONG).map_or(Verdict::Done, |why| Verdict::Wrong(why.to_owned())))
}

/// What a task did that has used so much CPU time until its deadline.
fn no_end(used: Duration) -> String {
    // On a busy machine it may have had a small part of a CPU.
    let what = if used > DEADLINE / 8 { "it goes round in a circle" } else { "it waits" };
    format!("no end after {DEADLINE:?}: {what}")
}

/// A task's process ended without a word.
fn ended(status: WaitStatus) -> String {
    match status {
        WaitStatus::Signaled(_, Signal::SIGKILL, _) | WaitStatus::Exited(..) => {
            "your code ended the whole process".to_owned()
        }
        WaitStatus::Signaled(_, signal, _) => format!("your code ended the process by {signal}"),
        status => format!("{status:?}"),
    }
}

/// Where a thread panicked last, and with what.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// The child: tries the task, says how it went, and ends.
#[allow(unsafe_code)]
fn child(task: &Task, mut say: UnixStream) -> ! {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    // Standard output is the guide's: whatever your code prints goes where it is seen.
    let _ = dup2_stdout(io::stderr());
    panic::set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(told(panic));
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(task.run));
    let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Who passes another's panic on unwinds without the hook.
    let quietly = || Err(Fault::Wrong("your code panicked".to_owned()));
    let outcome = outcome.unwrap_or_else(|_| panic.as_ref().map_or_else(quietly, |_| Ok(())));
    let line = line(outcome, panic);
    let _ = say.write_all(line.as_bytes());
    // SAFETY: ends this process at once, whatever threads your code has left in it.
    unsafe { _exit(0) }
}

/// A panic in a line.
pub(crate) fn told(panic: &PanicHookInfo<'_>) -> String {
    let what = panic.payload_as_str().unwrap_or("without a word").replace('\n', " ");
    let place = panic.location().map(|it| format!("{}:{}", it.file(), it.line()));
    format!("a panic at {}: {what}", place.unwrap_or_default())
}

fn line(outcome: Outcome, panic: Option<String>) -> String {
    let text = match (outcome, panic) {
        (Ok(()), None) => DONE.to_owned(),
        (Ok(()), Some(panic)) => format!("{WRONG}{panic}"),
        (Err(Fault::Wrong(why)), None) => format!("{WRONG}{why}"),
        (Err(Fault::Wrong(why)), Some(panic)) => format!("{WRONG}{why}; {panic}"),
        (Err(Fault::NotHere(why)), _) => format!("{NOT_HERE}{why}"),
    };
    text.replace('\n', " ") + "\n"
}
