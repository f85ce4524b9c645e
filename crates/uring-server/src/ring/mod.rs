//! The two queues between this process and the kernel: what it is to do, and what it has done.

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

use crate::address::Address;

mod lent;

pub(crate) use lent::{Lent, Owner};

/// How many operations may wait to be handed over. More are handed over at once.
const ENTRIES: u32 = 1024;

/// What completes under this key is nobody's: a cancellation, whose effect shows in another completion.
const NOBODY: u64 = u64::MAX;

/// The ring, and how many operations the kernel has.
pub(crate) struct Ring {
    ring: IoUring,
    under_way: usize,
}

/// What became of an operation. Only the ring makes one, when the operation is over.
pub(crate) struct Completion {
    key: u64,
    result: io::Result<usize>,
}

impl Completion {
    fn of(entry: cqueue::Entry) -> Self {
        let count = usize::try_from(entry.result());
        let result = count.map_err(|_| io::Error::from_raw_os_error(-entry.result()));
        Completion { key: entry.user_data(), result }
    }

    /// What the operation was called.
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
        Ok(Ring { ring, under_way: 0 })
    }

    /// How many operations are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Has the next client accepted, and its address written.
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

    /// Has what comes from a socket written to the buffer that `buffer` shows.
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

    /// Has the bytes that `bytes` shows sent.
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

    /// Has so much time pass. The completion is an error called `ETIME`.
    pub(crate) fn sleep<T: Owner>(
        &mut self,
        key: u64,
        owner: Box<T>,
        time: fn(&T) -> &Timespec,
    ) -> Lent<T> {
        self.lend(key, owner, |owner| opcode::Timeout::new(time(owner)).build())
    }

    /// Has the next input of a socket told of.
    #[allow(unsafe_code)]
    pub(crate) fn poll(&mut self, key: u64, socket: &impl AsFd) {
        let poll = opcode::PollAdd::new(descriptor(socket), POLLIN as u32).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(key, poll) };
    }

    /// Has an operation given up, if it is still under way. It completes with `ECANCELED` then.
    #[allow(unsafe_code)]
    pub(crate) fn cancel(&mut self, key: u64) {
        // SAFETY: it points to nothing.
        unsafe { self.push(NOBODY, opcode::AsyncCancel::new(key).build()) };
    }

    /// Has all of them given up.
    #[allow(unsafe_code)]
    pub(crate) fn cancel_all(&mut self) {
        let all = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(NOBODY, all) };
    }

    /// Hands over what is to be done, waits until something is done, but only until that moment, and takes all
    /// that is.
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
        let mut done: Vec<Completion> = self.ring.completion().map(Completion::of).collect();
        self.under_way -= done.len();
        done.retain(|completion| completion.key != NOBODY);
        Ok(done)
    }

    /// Hands over what is to be done, and waits for nothing.
    ///
    /// # Errors
    ///
    /// Those of `io_uring_enter(2)`.
    pub(crate) fn submit(&mut self) -> io::Result<()> {
        outlast(self.ring.submit())
    }

    /// Begins an operation on what `owner` owns. No other one under way may have its key.
    #[allow(unsafe_code)]
    fn lend<T: Owner>(
        &mut self,
        key: u64,
        owner: Box<T>,
        operation: impl FnOnce(&mut T) -> Entry,
    ) -> Lent<T> {
        let owner = NonNull::from(Box::leak(owner));
        // SAFETY: it was leaked, so that it lives, and nobody else knows of it.
        let operation = operation(unsafe { &mut *owner.as_ptr() });
        // SAFETY: what it points to is the owner's, who is lent until the completion.
        unsafe { self.push(key, operation) };
        Lent::new(owner, key)
    }

    /// Queues an operation.
    ///
    /// # Safety
    ///
    /// What it points to must stay there, and be used by nobody, until its completion.
    #[allow(unsafe_code)]
    unsafe fn push(&mut self, key: u64, entry: Entry) {
        self.make_room();
        let entry = entry.user_data(key);
        // SAFETY: the caller says so.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        assert!(pushed.is_ok(), "there is room");
        self.under_way += 1;
    }

    /// Hands over what is queued where there is no room for one more.
    fn make_room(&mut self) {
        while self.ring.submission().is_full() {
            // There is room as soon as the kernel takes what is queued.
            if outlast(self.ring.submit()).is_err() {
                thread::yield_now();
            }
        }
    }
}

/// Survives what passes, and the end of the time. If the kernel has more completions than there is room for (`EBUSY`), there will be
/// room when they are taken.
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

/// Why this machine gives no process like this one a ring, if it does not.
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
