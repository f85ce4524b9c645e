use std::process::{Child, Command, Stdio};

#[cfg(not(target_os = "macos"))]
use nix::sys::wait::{Id, WaitPidFlag, waitid};
#[cfg(not(target_os = "macos"))]
use nix::unistd::Pid;

use crate::answers::fork::reaping::reap;
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "fork/reaping",
    kind: Kind::Bug,
    about: "it collects one child for each signal",
    hints: [
        "Two children that end together make one SIGCHLD. How many calls of `waitpid` does that need?",
        "Call it again until it says that nobody has ended: `StillAlive`, or an error.",
    ],
    tasks: &[
        Task::still("where there is no child it returns at once", none),
        Task::still("a child that lives is left alone", living),
        Task::new("all that have ended are reaped", ended),
    ],
};

/// A child that ends when its input does.
fn child() -> Result<Child, Fault> {
    Ok(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?)
}

/// Ends a child, and waits until it has ended without reaping it.
#[cfg(not(target_os = "macos"))]
fn end(child: &mut Child) -> Outcome {
    drop(child.stdin.take());
    let pid = Pid::from_raw(child.id().cast_signed());
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    Ok(())
}

#[cfg(target_os = "macos")]
fn end(_: &mut Child) -> Outcome {
    Err(Fault::NotHere("macOS has no call that waits for a child and leaves it unreaped"))
}

fn none() -> Outcome {
    right!("children reaped, of none", reap(), 0);
    Ok(())
}

fn living() -> Outcome {
    let _living = child()?;
    right!("children reaped, of one that lives", reap(), 0);
    Ok(())
}

fn ended() -> Outcome {
    let mut children = [child()?, child()?, child()?, child()?];
    children[..3].iter_mut().try_for_each(end)?;
    right!("children reaped, of three that have ended and one that lives", reap(), 3);
    end(&mut children[3])?;
    right!("children reaped, of one that has ended", reap(), 1);
    Ok(())
}
