//! Send without ever waiting: keep what the kernel does not take.

use std::io::{self, ErrorKind, Write};

/// The answers to one client that have not gone yet.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Vec<u8>,
}

impl Outbox {
    /// Adds an answer, and sends what the kernel takes of all that waits.
    ///
    /// # Errors
    ///
    /// Those of the write, but for `WouldBlock`: that is no failure.
    pub fn send(&mut self, answer: &[u8], stream: &mut impl Write) -> io::Result<()> {
        self.waiting.extend_from_slice(answer);
        while self.wants_to_write() {
            match stream.write(&self.waiting) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether to ask the kernel to tell when it takes more. To ask it when nothing waits would make
    /// the loop spin.
    pub fn wants_to_write(&self) -> bool {
        !self.waiting.is_empty()
    }
}
