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
    /// As it stands, each of them counts in a copy of its own: `page` below maps memory that they share.
    ///
    /// # Errors
    ///
    /// When the kernel has no memory.
    pub fn among_processes() -> io::Result<Self> {
        Ok(Census { here: Box::leak(Box::default()) })
    }

    /// A client comes, and is told how many are there with it.
    ///
    /// As it stands, two handlers may read the same number, and write the same.
    pub fn come(&self) -> usize {
        let here = self.here.load(Ordering::SeqCst) + 1;
        self.here.store(here, Ordering::SeqCst);
        here
    }

    /// A client goes.
    pub fn go(&self) {
        let here = self.here.load(Ordering::SeqCst);
        self.here.store(here - 1, Ordering::SeqCst);
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
