//! What belongs to the kernel while an operation is under way.

use std::io;
use std::ptr::NonNull;

use super::Completion;

/// The owner of a buffer that an operation may use.
///
/// # Safety
///
/// The buffers that it shows must be in memory that it owns, and must not move while the owner is not used.
/// Neither a borrow of it nor its destructor may free them before.
#[allow(unsafe_code)]
pub(crate) unsafe trait Owner {}

/// The owner of a buffer that the kernel reads or writes. It cannot be used, nor its buffer, until there is
/// proof that the operation is over: its completion. One that is dropped without that is never freed.
pub(crate) struct Lent<T> {
    owner: NonNull<T>,
    /// Where the operation stands among those under way.
    place: usize,
    /// Which operation it is.
    number: u64,
}

// ANCHOR: lent
impl<T: Owner> Lent<T> {
    /// Lends `owner` to an operation. Only the ring does that, after it has begun the operation.
    pub(super) fn new(owner: NonNull<T>, place: usize, number: u64) -> Self {
        Lent { owner, place, number }
    }

    /// Gives it back, with the result of the operation.
    #[allow(unsafe_code)]
    pub(crate) fn take_back(self, done: Completion) -> (Box<T>, io::Result<usize>) {
        assert_eq!(self.number, done.number, "the completion of another operation");
        // SAFETY: the pointer came from a box, and only this value, which ends here, has it. The kernel no
        // longer uses the buffer: that is what the completion of this very operation says.
        (unsafe { Box::from_raw(self.owner.as_ptr()) }, done.result)
    }
}
// ANCHOR_END: lent

impl<T> Lent<T> {
    pub(super) fn place(&self) -> usize {
        self.place
    }
}
