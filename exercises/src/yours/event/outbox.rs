//! Send without ever waiting: keep what the kernel does not take.

use std::io::{self, Write};

/// The answers to one client that have not gone yet.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Vec<u8>,
}

impl Outbox {
    /// Adds an answer, and sends what the kernel takes of all that waits.
    ///
    /// As it stands, what the kernel does not take is lost.
    ///
    /// # Errors
    ///
    /// Those of the write, but for `WouldBlock`: that is no failure.
    pub fn send(&mut self, answer: &[u8], stream: &mut impl Write) -> io::Result<()> {
        let _ = &self.waiting;
        stream.write(answer).map(drop)
    }

    /// Whether to ask the kernel to tell when it takes more. To ask it when nothing waits would make
    /// the loop spin.
    ///
    /// As it stands, it always asks.
    pub fn wants_to_write(&self) -> bool {
        true
    }
}
