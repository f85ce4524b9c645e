//! The naive chat, kept on purpose: it waits for its user, then for its server, and never for
//! both. While it waits for the keyboard the server may end; the kernel knows, and nobody asks it.
//!
//! Which call tells, and what, depends on what has come. A FIN that waits is read as the end of
//! file, also when a message that was written behind it has been answered with RST: Linux, and
//! Stevens' figure 5.14, report the RST to the next write only. An RST that comes without a FIN
//! fails the first call that meets it.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use protocol::{Decoder, Framing};

use super::{Cause, End, is_bye, message};

/// The longest answer that is understood, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// How a blocking chat ended, and in which call it learned so.
#[derive(Debug)]
pub struct Parting {
    /// How it ended.
    pub end: End,
    /// The call that told.
    pub call: Call,
    /// Whether the server's FIN had come before the last message was written. Only these words at
    /// the end ask for it: the loop itself does not look.
    pub fin_was_waiting: bool,
    /// What a further `write` met, where a `read` had met the end of file unasked: `EPIPE`, if
    /// the message before it was answered with RST.
    pub next_write: Option<Cause>,
}

/// The system call in which a blocking chat learns that its server has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `read`, after a `write` that succeeded.
    Read,
    /// `write`.
    Write,
}

/// Chats over `stream`: reads a line from `input`, writes it, reads the answer, and again. Blocks
/// in each of these calls, whatever happens elsewhere, until either side ends.
///
/// # Errors
///
/// Where `input` or `output` fails. What happens to the connection is no error but a [`Parting`].
pub fn chat(
    stream: &TcpStream,
    mut input: impl BufRead,
    output: &mut dyn Write,
    framing: Framing,
) -> io::Result<Parting> {
    let mut decoder = Decoder::new(framing, LONGEST_ANSWER);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            let cause = read_to_the_end(stream, output)?;
            return Ok(Parting::new(cause, Call::Read, true));
        }
        let (was_asked_for, fin_was_waiting) = (is_bye(&line), has_ended(stream));
        if let Err(error) = (&mut &*stream).write_all(&message(&line, framing)) {
            return Ok(Parting::new(error.into(), Call::Write, false));
        }
        match read_answer(stream, &mut decoder, output)? {
            Ok(()) => {}
            Err(Cause::EndOfFile) if !was_asked_for => {
                let next_write = (&mut &*stream).write_all(b"\n").err().map(Cause::from);
                let parting = Parting::new(Cause::EndOfFile, Call::Read, false);
                return Ok(Parting { next_write, fin_was_waiting, ..parting });
            }
            Err(cause) => return Ok(Parting::new(cause, Call::Read, was_asked_for)),
        }
    }
}

/// Prints the next answer, or what has come of it. The inner error is the connection's end.
fn read_answer(
    mut stream: &TcpStream,
    decoder: &mut Decoder,
    output: &mut dyn Write,
) -> io::Result<Result<(), Cause>> {
    let mut ended = false;
    loop {
        match decoder.next_message() {
            Ok(Some(answer)) => print(answer, output)?,
            Ok(None) if ended => return Ok(Err(Cause::EndOfFile)),
            Ok(None) => match stream.read(decoder.space()) {
                Ok(count) => {
                    ended = count == 0;
                    decoder.received(count);
                    continue;
                }
                Err(error) => return Ok(Err(error.into())),
            },
            Err(error) => return Ok(Err(Cause::Failed(io::Error::other(error)))),
        }
        if !ended {
            return Ok(Ok(()));
        }
    }
}

fn print(answer: &str, output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "{}", answer.trim_end_matches(['\r', '\n']))?;
    output.flush()
}

/// Whether the server's FIN has come, and nothing before it is left to read.
fn has_ended(stream: &TcpStream) -> bool {
    let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    // A read, also one that only peeks, would take an error away from the call that shall meet it.
    let _ = poll(&mut descriptor, PollTimeout::ZERO);
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    descriptor[0].revents() == Some(PollFlags::POLLIN)
        && matches!(recv(stream.as_raw_fd(), &mut [0], flags), Ok(0))
}

/// The input has ended: ends our side, and prints what is still to come.
fn read_to_the_end(mut stream: &TcpStream, output: &mut dyn Write) -> io::Result<Cause> {
    if let Err(error) = stream.shutdown(Shutdown::Write) {
        return Ok(error.into());
    }
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(Cause::EndOfFile),
            Ok(count) => output.write_all(&bytes[..count])?,
            Err(error) => return Ok(error.into()),
        }
    }
}

impl Parting {
    fn new(cause: Cause, call: Call, was_asked_for: bool) -> Self {
        let end = End { cause, was_asked_for, missing: 0 };
        Parting { end, call, fin_was_waiting: false, next_write: None }
    }
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.end.was_asked_for {
            return self.end.fmt(f);
        }
        match (self.call, &self.end.cause) {
            (Call::Read, Cause::EndOfFile) if self.fin_was_waiting => f.write_str(
                "`write` succeeded: it only hands bytes to the kernel. Then `read` met the end of \
                 file: the server's FIN, which had been waiting while this client waited for the \
                 keyboard",
            )?,
            (Call::Read, Cause::EndOfFile) => f.write_str(
                "`read` met the end of file: the server closed the connection (FIN) in the place \
                 of an answer",
            )?,
            (Call::Read, Cause::Reset) => f.write_str(
                "`write` succeeded: it only hands bytes to the kernel. Then `read` met a reset \
                 (ECONNRESET): the server's machine answered the message with RST",
            )?,
            (Call::Write, Cause::Reset) => f.write_str(
                "`write` met a reset (ECONNRESET): the server's RST had been waiting while this \
                 client waited for the keyboard",
            )?,
            _ => self.end.fmt(f)?,
        }
        match self.next_write {
            Some(Cause::BrokenPipe) => f.write_str(
                ". A further `write` failed (EPIPE): the server's machine had answered the message \
                 with RST",
            ),
            _ => Ok(()),
        }
    }
}
