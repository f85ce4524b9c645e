//! Completions. A buffer is given back while the kernel still has it.
//!
//! The buffers live as long as the process and are read by copies only, so that the bug shows in what
//! clients receive and nowhere else. With memory that is freed it would be undefined behaviour.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::ptr;

use io_uring::squeue::Entry;
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};

const SIZE: usize = 1024;
const ACCEPT: u64 = u64::MAX;

/// Buffers by their numbers, made when there is no free one.
#[derive(Default)]
struct Buffers {
    all: Vec<*mut u8>,
    free: Vec<usize>,
}

impl Buffers {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(Box::leak(Box::new([0_u8; SIZE])).as_mut_ptr());
            self.all.len() - 1
        })
    }

    fn give_back(&mut self, number: usize) {
        self.free.push(number);
    }

    /// A copy of what stands in a buffer.
    #[allow(unsafe_code)]
    fn read(&self, number: usize, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count.min(SIZE)];
        // SAFETY: the buffer is never freed and no reference to it exists; the kernel writes to it in
        // this thread's calls only, and there is none now.
        unsafe { ptr::copy_nonoverlapping(self.all[number], bytes.as_mut_ptr(), bytes.len()) };
        bytes
    }
}

pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    let mut ring = IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(64)?;
    let mut buffers = Buffers::default();
    let listener = Fd(listener.as_raw_fd());
    let accept = opcode::Accept::new(listener, ptr::null_mut(), ptr::null_mut()).build();
    let accept = accept.user_data(ACCEPT);
    push(&mut ring, &accept);
    loop {
        match ring.submit_and_wait(1) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            submitted => submitted?,
        };
        let done: Vec<_> = ring.completion().map(|it| (it.user_data(), it.result())).collect();
        for (key, result) in done {
            if key == ACCEPT {
                push(&mut ring, &accept);
                receive(&mut ring, result, &mut buffers);
                continue;
            }
            let (stream, number) = (stream_of(key), (key >> 32) as usize);
            let count = usize::try_from(result).unwrap_or(0);
            if answer(&stream, &buffers.read(number, count)).is_ok() {
                receive(&mut ring, stream.as_raw_fd(), &mut buffers);
                std::mem::forget(stream);
            }
        }
    }
}

// ANCHOR: bug
fn receive(ring: &mut IoUring, socket: RawFd, buffers: &mut Buffers) {
    let number = buffers.take();
    let receive = opcode::Recv::new(Fd(socket), buffers.all[number], SIZE as u32);
    push(ring, &receive.build().user_data(key(socket, number)));
    buffers.give_back(number); // BUG: it is handed over, and not done
}
// ANCHOR_END: bug

/// Names an operation by its socket and its buffer.
fn key(socket: RawFd, buffer: usize) -> u64 {
    (buffer as u64) << 32 | u64::from(socket.cast_unsigned())
}

/// The socket of an operation. It is closed with this value.
#[allow(unsafe_code)]
fn stream_of(key: u64) -> TcpStream {
    // SAFETY: the kernel has accepted it for us, and this is its only owner: the last one was forgotten.
    unsafe { TcpStream::from_raw_fd(key as u32 as RawFd) }
}

/// Sends back what has come. An error is the end of the connection.
fn answer(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    match bytes {
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes if bytes.ends_with(b"Bye\n") => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => io::Write::write_all(&mut stream, bytes),
    }
}

#[allow(unsafe_code)]
fn push(ring: &mut IoUring, entry: &Entry) {
    // SAFETY: all buffers live as long as the process.
    while unsafe { ring.submission().push(entry) }.is_err() {
        let _ = ring.submit();
    }
}
