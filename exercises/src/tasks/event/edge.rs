use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};

use crate::answers::event::edge::receive;
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "event/edge",
    kind: Kind::Line,
    about: "it reads once, although more has come",
    hints: [
        "The kernel tells of new bytes once. How do you know that you have taken all of them?",
        "Read in a loop, until the read says `WouldBlock` or returns no bytes.",
    ],
    tasks: &[
        Task::still("a connection that breaks is an error", breaks),
        Task::new("all that has come is taken", all),
        Task::new("nothing more to read is no failure, and not the end", not_the_end),
        Task::new("the end is told, behind what came before it", the_end),
    ],
};

/// A stream that does not block: what its reads return, one after the other, and whether it has told its
/// end. A read with little space returns a part.
struct Stream(VecDeque<Result<&'static [u8], ErrorKind>>, bool);

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.1 {
            return Err(io::Error::other("it was read again behind its end"));
        }
        let mut text = self.0.pop_front().unwrap_or(Err(ErrorKind::WouldBlock))?;
        self.1 = text.is_empty();
        let count = text.read(bytes)?;
        if !text.is_empty() {
            self.0.push_front(Ok(text));
        }
        Ok(count)
    }
}

/// What is received of these reads, behind what had come before: whether it has ended, or which error, and
/// the bytes.
fn received(reads: &[Result<&'static [u8], ErrorKind>]) -> (Result<bool, ErrorKind>, String) {
    let mut bytes = b"0\n".to_vec();
    let ended = receive(&mut Stream(reads.iter().copied().collect(), false), &mut bytes);
    (ended.map_err(|error| error.kind()), String::from_utf8_lossy(&bytes).into_owned())
}

fn breaks() -> Outcome {
    let (ended, _) = received(&[Err(ErrorKind::ConnectionReset)]);
    right!("of a reset it returns", ended, Err(ErrorKind::ConnectionReset));
    Ok(())
}

fn all() -> Outcome {
    let (_, bytes) = received(&[Ok(b"one\n"), Ok(b"two\n"), Ok(b"three\n")]);
    right!("what was taken, with what had come before", bytes, "0\none\ntwo\nthree\n");
    Ok(())
}

fn not_the_end() -> Outcome {
    right!("whether one that sent something has ended", received(&[Ok(b"one\n")]).0, Ok(false));
    right!("whether one that sent nothing has ended", received(&[]).0, Ok(false));
    Ok(())
}

fn the_end() -> Outcome {
    let (ended, bytes) = received(&[Ok(b"one\n"), Ok(b"x"), Ok(b"")]);
    right!("whether it has ended", ended, Ok(true));
    right!("what was taken before the end", bytes, "0\none\nx");
    Ok(())
}
