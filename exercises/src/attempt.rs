//! How a task is tried: in a process of its own, so that one that hangs, spins, panics or ends the
//! process is one line in the guide, and leaves nothing behind.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::libc::_exit;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stdout, fork, setpgid};

use crate::{Fault, Outcome, Task};

/// How long a task may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Between what a line says and its end.
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
        // SAFETY: this process has one thread, so the child may run any code.
        match unsafe { fork() }? {
            ForkResult::Child => child(task, say),
            ForkResult::Parent { child } => {
                // Also here, lest it be killed before it has done so itself.
                let _ = setpgid(child, child);
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
        let said = self.listen()?;
        let _ = killpg(self.child, Signal::SIGKILL);
        let status = waitpid(self.child, None)?;
        Ok(match said {
            None => Verdict::Wrong(format!("no end after {DEADLINE:?}: what does it wait for?")),
            Some(said) => verdict(&said).unwrap_or_else(|| Verdict::Wrong(ended(status))),
        })
    }

    /// The line that it says; less where it ended before; nothing where that took too long.
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
        let what = panic.payload_as_str().unwrap_or("without a word");
        let place = panic.location().map(|it| format!("{}:{}", it.file(), it.line()));
        let text = format!("a panic at {}: {what}", place.unwrap_or_default());
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(task.run)).unwrap_or(Ok(()));
    let line = line(outcome, PANIC.lock().unwrap_or_else(PoisonError::into_inner).take());
    let _ = say.write_all(line.as_bytes());
    // SAFETY: ends this process at once, whatever threads your code has left in it.
    unsafe { _exit(0) }
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
