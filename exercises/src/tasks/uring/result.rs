use std::io;

use nix::errno::Errno;

use crate::answers::uring::result::outcome;
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "uring/result",
    kind: Kind::Line,
    about: "it takes a failure for a very large number of bytes",
    hints: [
        "A completion has no `errno` beside its result. Where does the kernel put it? `io_uring(7)`.",
        "A negative result is minus the number of the error, and an `io::Error` can be made from one.",
    ],
    tasks: &[
        Task::still("a count is a count, and 0 is one", counts),
        Task::new("a negative result is an error, and says which", errors),
    ],
};

fn of(result: i32) -> Result<usize, Option<i32>> {
    outcome(result).map_err(|error: io::Error| error.raw_os_error())
}

fn counts() -> Outcome {
    right!("of the result 17", of(17), Ok(17));
    right!("of the result 0", of(0), Ok(0));
    Ok(())
}

fn errors() -> Outcome {
    for errno in [Errno::ECONNRESET, Errno::ECANCELED, Errno::EPERM] {
        let number = errno as i32;
        right!(
            format!("of the result {}, which is {errno}", -number),
            of(-number),
            Err(Some(number))
        );
    }
    Ok(())
}
