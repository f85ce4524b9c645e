//! What the kernel has for as long as an operation is under way.

use std::ptr::NonNull;

use crate::ring::Completion;

/// The owner of a buffer that the kernel reads from or writes to. Nobody can reach it, and so neither
/// its buffer, before there is proof that the operation is over: its completion. One that is dropped
/// without that is never freed.
pub(crate) struct Lent<T> {
    owner: NonNull<T>,
    key: u64,
}

// ANCHOR: lent
impl<T> Lent<T> {
    /// Lends what `owner` owns to the operation that is called `key`.
    pub(crate) fn new(owner: Box<T>, key: u64) -> Self {
        Lent { owner: NonNull::from(Box::leak(owner)), key }
    }

    /// Gives it back.
    #[allow(unsafe_code)]
    pub(crate) fn take_back(self, completion: &Completion) -> Box<T> {
        assert_eq!(self.key, completion.key, "the completion of another operation");
        // SAFETY: it came out of a box and was reached by nobody since, and only a `Lent`, which ends
        // here, leads to it. The kernel has done with its buffer: there is the completion.
        unsafe { Box::from_raw(self.owner.as_ptr()) }
    }
}
// ANCHOR_END: lent
