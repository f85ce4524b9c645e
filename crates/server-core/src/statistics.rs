//! What a server served.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use crate::throttle::{self, Throttle};

/// Counters of one server. Connections are counted where they are admitted, messages where they are answered.
#[derive(Debug, Default)]
pub struct Statistics {
    pub(crate) connections: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    /// One too low for each process that was killed before it had counted its connection.
    open: AtomicI64,
    pub(crate) most_open: AtomicU64,
    /// Bounds how often lost connections are logged.
    pub(crate) lost: Throttle,
    /// The same for messages that stay incomplete: the hint, and the end.
    pub(crate) hinted: Throttle,
    pub(crate) late: Throttle,
    /// The same for connections that are turned away.
    pub(crate) busy: Throttle,
}

impl Statistics {
    /// Counters in memory that this process shares with the children it will fork. They live as
    /// long as the process.
    ///
    /// # Errors
    ///
    /// When the kernel has no memory for the mapping.
    // ANCHOR: page
    #[allow(unsafe_code)]
    pub fn shared_with_children() -> io::Result<&'static Self> {
        throttle::start_clock();
        let memory = shared_memory(size_of::<Self>())?;
        // SAFETY: the mapping is never unmapped, starts at a page, is as large as the counters,
        // and holds zeros, which are valid atomics. All access to it from here on is atomic.
        Ok(unsafe { memory.cast::<Self>().as_ref() })
    }
    // ANCHOR_END: page

    /// Counts a connection that a handler begins to serve or that waits for one.
    // ANCHOR: opened
    pub fn opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(u64::try_from(open).unwrap_or(0), Ordering::Relaxed);
    }
    // ANCHOR_END: opened

    /// Counts the end of a connection.
    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a connection that nobody has served.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts messages that were answered.
    pub fn answered(&self, messages: u64) {
        if messages > 0 {
            self.messages.fetch_add(messages, Ordering::Relaxed);
        }
    }
}

/// `count` words, all 0, in memory that this process shares with the children it will fork. They
/// live as long as the process.
///
/// # Errors
///
/// When the kernel has no memory for the mapping.
#[allow(unsafe_code)]
pub fn shared_words(count: usize) -> io::Result<&'static [AtomicU64]> {
    let memory = shared_memory(count * size_of::<AtomicU64>())?;
    // SAFETY: the mapping is never unmapped, starts at a page, is as large as the words, and holds
    // zeros, which are valid atomics. All access to it from here on is atomic.
    Ok(unsafe { slice::from_raw_parts(memory.cast::<AtomicU64>().as_ptr(), count) })
}

/// `size` bytes that are 0, shared with all children.
#[allow(unsafe_code)]
fn shared_memory(size: usize) -> io::Result<NonNull<c_void>> {
    let size = NonZeroUsize::MIN.saturating_add(size);
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice aliases nothing.
    Ok(unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_SHARED)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_at_once_is_the_peak_and_not_the_sum() {
        let statistics = Statistics::default();
        for _ in 0..3 {
            statistics.opened();
            statistics.opened();
            statistics.closed();
            statistics.closed();
        }
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((of(&statistics.connections), of(&statistics.most_open)), (6, 2));
    }
}
