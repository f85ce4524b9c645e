//! The two queues between this process and the kernel: requests, and completions.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::thread;
use std::time::Instant;

use io_uring::squeue::Entry;
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use nix::errno::Errno;
use nix::libc::{POLLIN, SOCK_CLOEXEC};
use slab::Slab;

use crate::address::Address;

mod lent;

pub(crate) use lent::{Lent, Owner};

/// How many operations may wait to be handed over. More are handed over at once.
const ENTRIES: u32 = 1024;

/// The key of a cancellation. Its own completion says nothing: its effect shows in another one.
const CANCELLATION: u64 = u64::MAX;

/// The ring, and the operations that the kernel has.
pub(crate) struct Ring {
    ring: IoUring,
    /// The kernel knows each by its place here.
    under_way: Slab<Operation>,
    /// How many operations were begun.
    begun: u64,
}

/// An operation that the kernel has.
struct Operation {
    /// Whose it is.
    key: u64,
    /// Which one it is: no two operations of a ring have the same number.
    number: u64,
}

/// The result of an operation. Only the ring makes one, when the operation is over.
pub(crate) struct Completion {
    key: u64,
    number: u64,
    result: io::Result<usize>,
}

impl Completion {
    fn of(Operation { key, number }: Operation, entry: &cqueue::Entry) -> Self {
        let count = usize::try_from(entry.result());
        let result = count.map_err(|_| io::Error::from_raw_os_error(-entry.result()));
        Completion { key, number, result }
    }

    /// Whose operation it was.
    pub(crate) fn key(&self) -> u64 {
        self.key
    }
}

impl Ring {
    /// A ring for this thread alone, which looks at completions only when it asks for them: so the
    /// kernel interrupts it for none of them.
    ///
    /// # Errors
    ///
    /// When the kernel has no rings, or none of this kind, or does not let this process have one.
    pub(crate) fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        let ring = builder.setup_single_issuer().setup_defer_taskrun().build(ENTRIES)?;
        Ok(Ring { ring, under_way: Slab::new(), begun: 0 })
    }

    /// How many operations are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Begins to accept a client, and to write its address.
    pub(crate) fn accept(
        &mut self,
        key: u64,
        listener: &impl AsFd,
        address: Box<Address>,
    ) -> Lent<Address> {
        let listener = descriptor(listener);
        self.lend(key, address, |address| {
            let (place, length) = address.places();
            opcode::Accept::new(listener, place, length).flags(SOCK_CLOEXEC).build()
        })
    }

    /// Begins to receive from a socket, into the buffer that `buffer` returns.
    // ANCHOR: receive
    pub(crate) fn receive<T: Owner + AsFd>(
        &mut self,
        key: u64,
        owner: Box<T>,
        buffer: fn(&mut T) -> &mut [u8],
    ) -> Lent<T> {
        self.lend(key, owner, |owner| {
            let socket = descriptor(owner);
            let buffer = buffer(owner);
            opcode::Recv::new(socket, buffer.as_mut_ptr(), length(buffer)).build()
        })
    }
    // ANCHOR_END: receive

    /// Begins to send the bytes that `bytes` returns.
    pub(crate) fn send<T: Owner + AsFd>(
        &mut self,
        key: u64,
        owner: Box<T>,
        bytes: fn(&T) -> &[u8],
    ) -> Lent<T> {
        self.lend(key, owner, |owner| {
            let bytes = bytes(owner);
            opcode::Send::new(descriptor(owner), bytes.as_ptr(), length(bytes)).build()
        })
    }

    /// Begins to wait for this time. The completion is the error `ETIME`.
    pub(crate) fn sleep<T: Owner>(
        &mut self,
        key: u64,
        owner: Box<T>,
        time: fn(&T) -> &Timespec,
    ) -> Lent<T> {
        self.lend(key, owner, |owner| opcode::Timeout::new(time(owner)).build())
    }

    /// Begins to wait for input of a socket.
    #[allow(unsafe_code)]
    pub(crate) fn poll(&mut self, key: u64, socket: &impl AsFd) {
        let poll = opcode::PollAdd::new(descriptor(socket), POLLIN as u32).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(key, poll) };
    }

    /// Cancels an operation. If it is still under way, it completes with `ECANCELED`.
    #[allow(unsafe_code)]
    pub(crate) fn cancel<T>(&mut self, lent: &Lent<T>) {
        let cancel = opcode::AsyncCancel::new(lent.place() as u64).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(CANCELLATION, cancel) };
    }

    /// Cancels all operations.
    #[allow(unsafe_code)]
    pub(crate) fn cancel_all(&mut self) {
        let all = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(CANCELLATION, all) };
    }

    /// Hands over what is queued, blocks until an operation is done or `until` has come, and returns all that
    /// are done.
    ///
    /// # Errors
    ///
    /// Those of `io_uring_enter(2)`.
    pub(crate) fn wait(&mut self, until: Option<Instant>) -> io::Result<Vec<Completion>> {
        let submitted = match until {
            None => self.ring.submit_and_wait(1),
            Some(until) => {
                let rest = Timespec::from(until.saturating_duration_since(Instant::now()));
                let longest = SubmitArgs::new().timespec(&rest);
                self.ring.submitter().submit_with_args(1, &longest)
            }
        };
        outlast(submitted)?;
        let Ring { ring, under_way, .. } = self;
        let completion = |entry: cqueue::Entry| {
            Completion::of(under_way.remove(entry.user_data() as usize), &entry)
        };
        let done = ring.completion().map(completion);
        Ok(done.filter(|completion| completion.key != CANCELLATION).collect())
    }

    /// Hands over what is queued. Does not block.
    ///
    /// # Errors
    ///
    /// Those of `io_uring_enter(2)`.
    pub(crate) fn submit(&mut self) -> io::Result<()> {
        outlast(self.ring.submit())
    }

    /// Begins an operation on what `owner` owns.
    #[allow(unsafe_code)]
    fn lend<T: Owner>(
        &mut self,
        key: u64,
        owner: Box<T>,
        operation: impl FnOnce(&mut T) -> Entry,
    ) -> Lent<T> {
        let owner = NonNull::from(Box::leak(owner));
        // SAFETY: it was leaked, so it is valid, and this is the only pointer to it.
        let operation = operation(unsafe { &mut *owner.as_ptr() });
        // SAFETY: it points into the owner, which nothing can use until the completion.
        let place = unsafe { self.push(key, operation) };
        Lent::new(owner, place, self.begun)
    }

    /// Queues an operation, and returns its place among those under way.
    ///
    /// # Safety
    ///
    /// The memory that it points to must stay valid and unused until its completion.
    #[allow(unsafe_code)]
    unsafe fn push(&mut self, key: u64, entry: Entry) -> usize {
        self.make_room();
        self.begun += 1;
        let place = self.under_way.insert(Operation { key, number: self.begun });
        let entry = entry.user_data(place as u64);
        // SAFETY: the caller's promise.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        assert!(pushed.is_ok(), "there is room");
        place
    }

    /// Hands over what is queued, if the queue is full.
    fn make_room(&mut self) {
        while self.ring.submission().is_full() {
            // There is room as soon as the kernel takes what is queued.
            if outlast(self.ring.submit()).is_err() {
                thread::yield_now();
            }
        }
    }
}

/// Survives transient failures, and the end of the time. If the kernel has no room for more completions
/// (`EBUSY`), there will be room when those that are there are taken.
fn outlast(submitted: io::Result<usize>) -> io::Result<()> {
    match submitted {
        Err(error) if error.raw_os_error() == Some(Errno::ETIME as i32) => Ok(()),
        Err(error) if error.kind() == ErrorKind::ResourceBusy => Ok(()),
        Err(error) => server_core::outlast(error),
        Ok(_) => Ok(()),
    }
}

fn descriptor(socket: &impl AsFd) -> Fd {
    Fd(socket.as_fd().as_raw_fd())
}

/// No buffer is larger than the kernel's limit of 2 GiB for one call.
fn length(buffer: &[u8]) -> u32 {
    u32::try_from(buffer.len()).unwrap_or(u32::MAX)
}

/// Why the kernel gives this process no ring, if it does not.
pub(crate) fn obstacle() -> Option<String> {
    let error = Ring::new().err()?;
    let number = Errno::from_raw(error.raw_os_error().unwrap_or_default());
    let why = match number {
        Errno::EINVAL | Errno::ENOSYS => "it takes Linux 6.1 or later",
        Errno::EPERM | Errno::EACCES => "it is forbidden here, by a container or by a sysctl",
        _ => "the kernel lacks something",
    };
    Some(format!("no io_uring: {why} ({number:?})"))
}
