//! Who is there: counted by handlers that are threads, and by handlers that are processes.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

/// How many clients are there. Handlers count in it, whoever they are.
#[derive(Debug)]
pub struct Census {
    here: &'static AtomicUsize,
}

impl Census {
    /// For handlers that are threads of this process.
    pub fn among_threads() -> Self {
        Census { here: Box::leak(Box::default()) }
    }

    /// For handlers that this process will fork.
    ///
    /// # Errors
    ///
    /// When the kernel has no memory.
    pub fn among_processes() -> io::Result<Self> {
        Ok(Census { here: page()? })
    }

    /// A client comes, and is told how many are there with it.
    pub fn come(&self) -> usize {
        self.here.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// A client goes.
    pub fn go(&self) {
        self.here.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many are there.
    pub fn here(&self) -> usize {
        self.here.load(Ordering::SeqCst)
    }
}

/// A counter at 0, in memory that this process shares with the children it will fork.
///
/// # Errors
///
/// When the kernel has no memory.
#[allow(unsafe_code)]
pub fn page() -> io::Result<&'static AtomicUsize> {
    let size = NonZeroUsize::MIN.saturating_add(size_of::<AtomicUsize>());
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
    let page = unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_SHARED)? };
    // SAFETY: it is never unmapped, larger than the counter, and holds zeros, which are a valid one.
    Ok(unsafe { page.cast().as_ref() })
}
