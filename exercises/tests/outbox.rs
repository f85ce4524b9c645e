//! An event loop: a client that does not read holds up nobody, and loses nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{self, ErrorKind, Write};

use exercises::outbox::Outbox;
use exercises::right;

/// A kernel that takes so many bytes, and no more until it is told to.
#[derive(Default)]
struct Kernel {
    room: usize,
    taken: Vec<u8>,
}

impl Write for Kernel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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

#[test]
fn still_an_answer_that_the_kernel_takes_is_sent() {
    let (mut outbox, mut kernel) = (Outbox::default(), Kernel { room: 100, ..Kernel::default() });
    outbox.send(b"hello\n", &mut kernel).unwrap();
    right!(kernel.taken, b"hello\n");
}

/// A kernel that fails, at first in a way that means nothing.
struct Failing(Vec<ErrorKind>);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.pop().map_or(Ok(bytes.len()), |kind| Err(kind.into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn still_a_connection_that_broke_is_an_error() {
    let mut kernel = Failing(vec![ErrorKind::BrokenPipe]);
    let sent = Outbox::default().send(b"hello\n", &mut kernel);
    right!(sent.map_err(|error| error.kind()), Err(ErrorKind::BrokenPipe));
}

#[test]
fn task_3_a_signal_is_no_failure() {
    let mut kernel = Failing(vec![ErrorKind::Interrupted]);
    let sent = Outbox::default().send(b"hello\n", &mut kernel);
    right!(sent.map_err(|error| error.kind()), Ok(()));
}

#[test]
fn task_1_what_the_kernel_does_not_take_is_sent_later_and_in_order() {
    let (mut outbox, mut kernel) = (Outbox::default(), Kernel { room: 4, ..Kernel::default() });
    outbox.send(b"first\n", &mut kernel).unwrap();
    right!(outbox.send(b"second\n", &mut kernel).is_ok(), true, "`WouldBlock` is no failure");
    kernel.room = 100;
    outbox.send(b"", &mut kernel).unwrap();
    right!(String::from_utf8(kernel.taken).unwrap(), "first\nsecond\n");
}

#[test]
fn task_2_the_kernel_is_asked_only_while_something_waits() {
    let (mut outbox, mut kernel) = (Outbox::default(), Kernel { room: 4, ..Kernel::default() });
    right!(outbox.wants_to_write(), false, "nothing was sent yet");
    outbox.send(b"first\n", &mut kernel).unwrap();
    right!(outbox.wants_to_write(), true, "two bytes wait");
    kernel.room = 100;
    outbox.send(b"", &mut kernel).unwrap();
    right!(outbox.wants_to_write(), false, "all has gone");
}
