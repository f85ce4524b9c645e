//! Standard error, for a log that never stops the service: a line that cannot be written at once is lost, and
//! counted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::shared_words;

/// Where the lines of a log go. Children that are forked share it, and the count of what was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogOutput {
    /// Standard error, opened once more so that a write to it does not block: what is set here holds for
    /// no other process. There is none where standard error never blocks, or cannot be opened so.
    nonblocking: Option<&'static File>,
    lost: &'static AtomicU64,
    /// The line that tells how many lines were lost.
    notice: fn(u64) -> String,
}

impl LogOutput {
    /// Standard error, for as long as the process lives.
    ///
    /// # Errors
    ///
    /// When the kernel lacks memory for the count.
    pub(crate) fn new(notice: fn(u64) -> String) -> io::Result<Self> {
        let lost = &shared_words(1)?[0];
        let nonblocking = nonblocking_stderr().map(|file| &*Box::leak(Box::new(file)));
        Ok(LogOutput { nonblocking, lost, notice })
    }

    /// Writes a line in one write, so that lines of several processes do not mix.
    fn put(&self, line: &[u8]) -> io::Result<()> {
        match self.nonblocking {
            Some(mut file) => file.write(line).map(drop),
            None => {
                let mut stderr = io::stderr().lock();
                let mut room = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
                match poll(&mut room, PollTimeout::ZERO) {
                    Ok(0) => Err(ErrorKind::WouldBlock.into()),
                    _ => stderr.write(line).map(drop),
                }
            }
        }
    }
}

impl Write for LogOutput {
    /// Writes a line, or counts it as lost. The first line after lost ones is preceded by their number.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let told = lost == 0 || self.put((self.notice)(lost).as_bytes()).is_ok();
        if !told {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        if !told || self.put(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// On Linux a pipe or a terminal can be opened once more by its name in `/proc`: proc_pid_fd(5). A file is
/// not, since it would be written from its beginning again; nor does it block.
fn nonblocking_stderr() -> Option<File> {
    let name = "/proc/self/fd/2";
    let kind = fs::metadata(name).ok()?.file_type();
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(O_NONBLOCK | O_NOCTTY);
    (kind.is_fifo() || kind.is_char_device()).then(|| options.open(name).ok()).flatten()
}
