//! Buffers that belong to the kernel for a while.

use std::collections::HashMap;

/// The buffers of a server with completions, by their numbers: those that are free, and those that an
/// operation has.
pub struct Buffers {
    free: Vec<usize>,
    /// The operations under way, and the buffer of each.
    lent: HashMap<u64, usize>,
    next: u64,
}

impl Buffers {
    /// This many buffers, all of them free.
    pub fn new(count: usize) -> Self {
        Buffers { free: (0..count).collect(), lent: HashMap::new(), next: 0 }
    }

    /// Begins an operation with a free buffer: its key, and the buffer's number. There is none while
    /// operations have all buffers.
    pub fn begin(&mut self) -> Option<(u64, usize)> {
        let buffer = self.free.pop()?;
        let key = self.next;
        self.next += 1;
        self.lent.insert(key, buffer);
        Some((key, buffer))
    }

    /// Says that the kernel was asked to give an operation up. It may have done it already, or be in the
    /// midst of it: either way there will be a completion.
    ///
    /// As it stands, the buffer is free at once.
    pub fn cancel(&mut self, key: u64) {
        self.complete(key);
    }

    /// Says that an operation is done, or was given up. Its buffer is free from now on.
    pub fn complete(&mut self, key: u64) {
        self.free.extend(self.lent.remove(&key));
    }

    /// Whether the memory of all buffers may be freed.
    ///
    /// As it stands, always.
    pub fn may_be_freed(&self) -> bool {
        true
    }
}
