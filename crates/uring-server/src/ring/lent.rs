//! What the kernel has for as long as an operation is under way.

use std::io;
use std::ptr::NonNull;

use super::Completion;

/// Who owns a buffer that an operation may have.
///
/// # Safety
///
/// The buffers that it shows must be in memory that it owns, and stay where they are while it is not
/// used: neither its borrower nor its destructor may be able to free them.
#[allow(unsafe_code)]
pub(crate) unsafe trait Owner {}

/// The owner of a buffer that the kernel reads from or writes to. Nobody can reach it, and so neither
/// its buffer, before there is proof that the operation is over: its completion. One that is dropped
/// without that is never freed.
pub(crate) struct Lent<T> {
    owner: NonNull<T>,
    key: u64,
}

// ANCHOR: lent
impl<T: Owner> Lent<T> {
    /// Lends `owner` to an operation. Only the ring does that, after it has begun the operation.
    pub(super) fn new(owner: NonNull<T>, key: u64) -> Self {
        Lent { owner, key }
    }

    /// Gives it back, with what became of the operation.
    #[allow(unsafe_code)]
    pub(crate) fn take_back(self, done: Completion) -> (Box<T>, io::Result<usize>) {
        assert_eq!(self.key, done.key, "the completion of another operation");
        // SAFETY: it came out of a box and was reached by nobody since, and only a `Lent`, which ends
        // here, leads to it. The kernel has done with its buffer: that is what a completion says.
        (unsafe { Box::from_raw(self.owner.as_ptr()) }, done.result)
    }
}
// ANCHOR_END: lent
