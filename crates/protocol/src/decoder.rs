//! The sans-IO decoder: bytes go in, messages come out.

use std::ops::Range;
use std::time::Duration;

use crate::Framing;

/// How large the first read of a connection may be, in bytes: the tutorial's `recv(1024)`.
const FIRST_READ: usize = 1024;

/// How large a read may become, in bytes, unless the message limit asks for more.
const LARGEST_READ: usize = 64 * 1024;

/// The longest UTF-8 encoding of one character, in bytes.
const LONGEST_CHARACTER: usize = 4;

/// Finds the messages in a stream of bytes, however the bytes were cut on their way.
///
/// It does no I/O. The owner of the connection reads into [`space`](Self::space), says how much
/// arrived with [`received`](Self::received), and then takes messages with
/// [`next_message`](Self::next_message) until there is none:
///
/// ```
/// use protocol::{Decoder, Framing};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut decoder = Decoder::new(Framing::Line, 65536);
/// for mut read in [&b"first\nsec"[..], b"ond\n"] {
///     let count = std::io::Read::read(&mut read, decoder.space())?;
///     decoder.received(count);
///     while let Some(message) = decoder.next_message()? {
///         println!("{message:?}"); // "first\n", then "second\n"
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Its buffer starts at 1 KiB, doubles when a read fills it, and never grows far beyond 64 KiB or
/// the message limit, whichever is larger. Nothing is allocated before the first read, and
/// [`shrink`](Self::shrink) gives back what a burst has taken.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    max_message: usize,
    ended: bool,
    buffer: Vec<u8>,
    /// `buffer[start..end]` was received and not yet returned.
    start: usize,
    end: usize,
    /// `buffer[start..searched]` holds no line end. Only line framing uses it.
    searched: usize,
}

/// The stream holds something that is not a message. Its `Display` is the reason that stands in
/// the `ERROR` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the limit came without a message's end.
    #[error("message longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes, line end excluded.
        limit: usize,
    },
    /// The message's bytes are not UTF-8 text.
    #[error("message is not UTF-8")]
    NotUtf8,
    /// The message was not complete in time. A decoder knows no time: its owner gives the message up.
    #[error("message not whole within {limit:?}")]
    TooSlow {
        /// How long after its first byte it had to be whole.
        limit: Duration,
    },
}

impl Decoder {
    /// A decoder at the start of a stream, for messages of at most `max_message` bytes.
    pub fn new(framing: Framing, max_message: usize) -> Self {
        Decoder {
            framing,
            max_message,
            ended: false,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
        }
    }

    /// Where the next read puts its bytes. Not empty before [`next_message`](Self::next_message) has
    /// failed, so that a read of nothing is the stream's end.
    pub fn space(&mut self) -> &mut [u8] {
        let size = match self.framing {
            // A read that filled the buffer says that more is waiting.
            Framing::Line if self.end == self.buffer.len() => self.grown(),
            Framing::Line => self.buffer.len(),
            // One byte more than the limit, so that a message over it is seen to be over it.
            Framing::Raw => self.max_message.max(LONGEST_CHARACTER) + 1,
        };
        self.buffer.copy_within(self.start..self.end, 0);
        self.searched -= self.start;
        self.end -= self.start;
        self.start = 0;
        if self.buffer.is_empty() && size > LARGEST_READ {
            // Zeroed memory comes from the kernel untouched: pages that no read fills are never used.
            self.buffer = vec![0; size];
        }
        self.buffer.resize(size, 0);
        &mut self.buffer[self.end..]
    }

    fn grown(&self) -> usize {
        let largest = LARGEST_READ.max(self.max_message.saturating_add(1));
        let doubled = (self.buffer.len() * 2).clamp(FIRST_READ, largest);
        doubled.max(self.end - self.start + 1)
    }

    /// Says that a read put `count` bytes at the start of [`space`](Self::space). None means that
    /// the peer has ended its side.
    ///
    /// # Panics
    ///
    /// If `count` is larger than that space.
    pub fn received(&mut self, count: usize) {
        assert!(count <= self.buffer.len() - self.end, "more was read than there is space for");
        self.end += count;
        self.ended |= count == 0;
    }

    /// The bytes that were received and not returned as a message.
    pub fn leftover(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// How far the stream has been returned as messages, as a place for [`between`](Self::between).
    pub fn place(&self) -> usize {
        self.start
    }

    /// The bytes of the messages that were returned between two places: messages that were returned one
    /// after the other stand there one after the other. Places hold until the next
    /// [`space`](Self::space).
    ///
    /// # Panics
    ///
    /// If they are no places of this buffer.
    pub fn between(&self, places: Range<usize>) -> &[u8] {
        &self.buffer[places]
    }

    /// Whether it holds more memory than a first read takes, and no bytes that were not returned.
    pub fn is_oversized(&self) -> bool {
        self.start == self.end && self.buffer.capacity() > FIRST_READ
    }

    /// Gives back all memory, where no bytes are left that were not returned. Places are lost.
    pub fn shrink(&mut self) {
        if self.start == self.end {
            self.buffer = Vec::new();
            (self.start, self.end, self.searched) = (0, 0, 0);
        }
    }

    /// The next whole message as it came, its line end included, or `None` until more arrives.
    ///
    /// # Errors
    ///
    /// When the stream holds something that is not a message. The boundaries are lost then, and
    /// the decoder is good for nothing further.
    pub fn next_message(&mut self) -> Result<Option<&str>, DecodeError> {
        match self.framing {
            Framing::Line => self.next_line(),
            Framing::Raw => self.next_read(),
        }
    }

    fn next_line(&mut self) -> Result<Option<&str>, DecodeError> {
        if let Some(offset) = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]) {
            let line_end = self.searched + offset;
            return self.take(line_end - self.start, line_end + 1).map(Some);
        }
        self.searched = self.end;
        let pending = self.end - self.start;
        if pending > self.max_message || (self.ended && pending > 0) {
            return self.take(pending, self.end).map(Some);
        }
        Ok(None)
    }

    fn next_read(&mut self) -> Result<Option<&str>, DecodeError> {
        let pending = &self.buffer[self.start..self.end];
        let whole = match std::str::from_utf8(pending) {
            Err(error) if error.error_len().is_none() && !self.ended => error.valid_up_to(),
            _ => pending.len(),
        };
        if whole == 0 {
            return Ok(None);
        }
        self.take(whole, self.start + whole).map(Some)
    }

    /// Returns the message of `length` bytes, without its line end, that stops before `stop`.
    fn take(&mut self, length: usize, stop: usize) -> Result<&str, DecodeError> {
        if length > self.max_message {
            return Err(DecodeError::TooLong { limit: self.max_message });
        }
        // Input that is not text stays, for a caller that wants to know what it is.
        let message = std::str::from_utf8(&self.buffer[self.start..stop]);
        let message = message.map_err(|_| DecodeError::NotUtf8)?;
        self.start = stop;
        self.searched = stop;
        Ok(message)
    }
}

#[cfg(test)]
mod tests;
