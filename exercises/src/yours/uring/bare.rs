//! Build a piece: one thread that says what is to be read and written, and is told when it is done.

use std::io;
use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::null_mut;

use io_uring::squeue::Entry;
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};
use slab::Slab;

/// The key of the operation that accepts. Those of clients are smaller.
const ACCEPT: u64 = u64::MAX;

struct Client {
    stream: TcpStream,
    /// The kernel's while an operation is under way, and one always is.
    bytes: Box<[u8; 4096]>,
    /// How many bytes are to be sent; 0 while it receives.
    sending: usize,
}

/// Serves all clients for ever. Something is always under way: the next client's `accept`, and for each
/// client that is there a `receive` or a `send`.
///
/// As it stands, it looks at no completion.
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    // Never freed: the kernel may still write to their buffers when this has failed.
    let _clients = ManuallyDrop::new(Slab::<Client>::new());
    let mut ring = IoUring::new(256)?;
    hand_over(&mut ring, &accept(listener))?;
    loop {
        match ring.submit_and_wait(1) {
            // Such as by Ctrl-Z and `fg`.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            submitted => submitted?,
        };
        let done: Vec<_> = ring.completion().map(|it| (it.user_data(), it.result())).collect();
        for (key, result) in done {
            let _ = (key, result);
        }
    }
}

/// Asks for the next client.
fn accept(listener: &TcpListener) -> Entry {
    let nowhere = null_mut();
    opcode::Accept::new(Fd(listener.as_raw_fd()), nowhere, null_mut()).build().user_data(ACCEPT)
}

impl Client {
    #[allow(unsafe_code)]
    fn new(accepted: i32) -> io::Result<Self> {
        if accepted < 0 {
            return Err(io::Error::from_raw_os_error(-accepted));
        }
        // SAFETY: the kernel has made this descriptor for us, and nobody else knows of it.
        let stream = unsafe { TcpStream::from_raw_fd(accepted) };
        Ok(Client { stream, bytes: Box::new([0; 4096]), sending: 0 })
    }

    /// What follows when an operation is done, with this result; nothing at the end.
    ///
    /// As it stands, nothing ever follows.
    fn go_on(&mut self, key: usize, result: i32) -> Option<Entry> {
        let _ = (key, result);
        None
    }

    fn receive(&mut self, key: usize) -> Entry {
        self.sending = 0;
        let stream = Fd(self.stream.as_raw_fd());
        opcode::Recv::new(stream, self.bytes.as_mut_ptr(), 4096).build().user_data(key as u64)
    }

    fn send(&mut self, key: usize, count: usize) -> Entry {
        self.sending = count;
        let stream = Fd(self.stream.as_raw_fd());
        opcode::Send::new(stream, self.bytes.as_ptr(), count as u32).build().user_data(key as u64)
    }
}

/// Queues an operation, and hands over all that are queued where there is no room for it.
#[allow(unsafe_code)]
fn hand_over(ring: &mut IoUring, entry: &Entry) -> io::Result<()> {
    // SAFETY: the buffer is a client's, who stays in the slab until this operation is done.
    while unsafe { ring.submission().push(entry) }.is_err() {
        ring.submit()?;
    }
    Ok(())
}
