//! One thread that says what is to be read and written, and is told when it is done.

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

#[allow(unsafe_code)]
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    // Never freed: the kernel may still write to their buffers when this has failed.
    let mut clients = ManuallyDrop::new(Slab::new());
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
            let next = match key {
                ACCEPT => {
                    // SAFETY: this is the result of an `accept`, and is used only here.
                    let key = clients.insert(unsafe { Client::new(result)? });
                    hand_over(&mut ring, &clients[key].receive(key))?;
                    Some(accept(listener))
                }
                key => {
                    let key = key as usize;
                    let next = clients[key].go_on(key, result);
                    next.is_none().then(|| clients.remove(key));
                    next
                }
            };
            next.map_or(Ok(()), |next| hand_over(&mut ring, &next))?;
        }
    }
}

/// Asks for the next client.
fn accept(listener: &TcpListener) -> Entry {
    let nowhere = null_mut();
    opcode::Accept::new(Fd(listener.as_raw_fd()), nowhere, null_mut()).build().user_data(ACCEPT)
}

impl Client {
    /// # Safety
    ///
    /// `accepted` must be the result of an `accept`, and must not be used elsewhere.
    #[allow(unsafe_code)]
    unsafe fn new(accepted: i32) -> io::Result<Self> {
        if accepted < 0 {
            return Err(io::Error::from_raw_os_error(-accepted));
        }
        // SAFETY: the caller's promise.
        let stream = unsafe { TcpStream::from_raw_fd(accepted) };
        Ok(Client { stream, bytes: Box::new([0; 4096]), sending: 0 })
    }

    /// What follows when an operation is done; nothing at the end.
    fn go_on(&mut self, key: usize, result: i32) -> Option<Entry> {
        let count = usize::try_from(result).ok().filter(|count| *count > 0)?;
        if self.sending > 0 {
            return (count == self.sending).then(|| self.receive(key));
        }
        let is_bye = self.bytes[..count].ends_with(b"Bye\n");
        (!is_bye).then(|| self.send(key, count))
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
