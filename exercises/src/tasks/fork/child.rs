use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use crate::answers::fork::child::in_a_child;
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, holds, right};
use crate::tasks::client::PATIENCE;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "fork/child",
    kind: Kind::Line,
    about: "the child goes on where only its parent should",
    hints: [
        "`fork` returns twice. What does the child do when its job is done?",
        "A child has to end itself, with the status 0. Look through the module `std::process`.",
    ],
    tasks: &[
        Task::still("the job is done by another process", done_by_another),
        Task::new("only the parent comes back", only_the_parent),
    ],
};

/// What the child ends with where it comes back.
const CAME_BACK: i32 = 77;

/// Does a job in a child. If the child comes back too, it ends here.
fn child_of(job: impl FnOnce()) -> Result<Pid, Fault> {
    let parent = getpid();
    let child = in_a_child(job)?;
    if getpid() != parent {
        process::exit(CAME_BACK);
    }
    Ok(child)
}

fn done_by_another() -> Outcome {
    let (mut reader, mut writer) = UnixStream::pair()?;
    reader.set_read_timeout(Some(PATIENCE))?;
    let child = child_of(|| {
        let _ = writer.write_all(&getpid().as_raw().to_le_bytes());
    })?;
    let mut bytes = [0; 4];
    let done = reader.read_exact(&mut bytes);
    holds!(done.is_ok(), "the job was not done");
    right!("the process that did the job", i32::from_le_bytes(bytes), child.as_raw());
    Ok(())
}

fn only_the_parent() -> Outcome {
    let child = child_of(|| {})?;
    match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, 0)) => Ok(()),
        Ok(WaitStatus::Exited(_, CAME_BACK)) => {
            Err(wrong("the child came back from the call, as its parent did"))
        }
        Ok(WaitStatus::Exited(_, status)) => Err(wrong(format!("the child ended with {status}"))),
        Ok(WaitStatus::Signaled(_, signal, _)) => Err(wrong(format!("the child died of {signal}"))),
        other => Err(wrong(format!("the child is not there to be waited for: {other:?}"))),
    }
}

fn wrong(why: impl Into<String>) -> Fault {
    Fault::Wrong(why.into())
}
