use std::io::{self, ErrorKind, Write};

use crate::answers::event::outbox::Outbox;
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "event/outbox",
    kind: Kind::Bug,
    about: "bytes that the kernel does not take are lost, and the kernel is asked for room for ever",
    hints: [
        "`write` says how many bytes it took. Where do the others stay, until there is room?",
        "Put the answer into `waiting` first. Then write from its front and drain what was taken, until \
         it is empty or the kernel says `WouldBlock`.",
    ],
    tasks: &[
        Task::still("an answer that the kernel takes is sent", sent),
        Task::still("a connection that broke is an error", broke),
        Task::new("what the kernel does not take is sent later, in order", later),
        Task::new("the kernel is asked only while something waits", asked),
        Task::new("a signal is no failure", signal),
    ],
};

/// A kernel that takes a limited number of bytes, and no more until it is told to. It fails once, where it is told how.
#[derive(Default)]
struct Kernel {
    room: usize,
    fails: Option<ErrorKind>,
    taken: Vec<u8>,
}

impl Kernel {
    fn with_room(room: usize) -> Self {
        Kernel { room, ..Kernel::default() }
    }
}

impl Write for Kernel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.fails.take() {
            return Err(kind.into());
        }
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What comes of an answer where the kernel fails once, and what is sent in the end.
fn failing(kind: ErrorKind) -> (Result<(), ErrorKind>, String) {
    let (mut outbox, mut kernel) = (Outbox::default(), Kernel::with_room(100));
    kernel.fails = Some(kind);
    let sent = outbox.send(b"hello\n", &mut kernel).map_err(|error| error.kind());
    // Whatever waits is sent now.
    let _ = outbox.send(b"", &mut kernel);
    (sent, String::from_utf8_lossy(&kernel.taken).into_owned())
}

fn sent() -> Outcome {
    let mut kernel = Kernel::with_room(100);
    Outbox::default().send(b"hello\n", &mut kernel)?;
    right!("what was sent", String::from_utf8_lossy(&kernel.taken), "hello\n");
    Ok(())
}

fn broke() -> Outcome {
    right!("of a broken pipe", failing(ErrorKind::BrokenPipe).0, Err(ErrorKind::BrokenPipe));
    Ok(())
}

fn signal() -> Outcome {
    let (sent, taken) = failing(ErrorKind::Interrupted);
    right!("of a write that a signal broke off", sent, Ok(()));
    right!("what was sent after it", taken, "hello\n");
    Ok(())
}

fn later() -> Outcome {
    let (mut outbox, mut kernel) = (Outbox::default(), Kernel::with_room(4));
    outbox.send(b"first\n", &mut kernel)?;
    let full = outbox.send(b"second\n", &mut kernel).map_err(|error| error.kind());
    right!("of a kernel without room", full, Ok(()));
    kernel.room = 100;
    outbox.send(b"", &mut kernel)?;
    let taken = String::from_utf8_lossy(&kernel.taken);
    right!("what was sent when there was room", taken, "first\nsecond\n");
    Ok(())
}

fn asked() -> Outcome {
    let (mut outbox, mut kernel) = (Outbox::default(), Kernel::with_room(4));
    right!("wants to write, before anything was sent", outbox.wants_to_write(), false);
    outbox.send(b"first\n", &mut kernel)?;
    right!("wants to write, while two bytes wait", outbox.wants_to_write(), true);
    kernel.room = 100;
    outbox.send(b"", &mut kernel)?;
    right!("wants to write, when all has gone", outbox.wants_to_write(), false);
    Ok(())
}
