//! The naive chat, kept on purpose: it waits for its user, then for its server, and never for
//! both. While it waits for the keyboard the server may end; the kernel knows, and is not asked.
//!
//! Which call tells, and what, depends on what has come. A FIN that waits is read as the end of
//! file, also when a message that was written behind it has been answered with RST: Linux, and
//! Stevens' figure 5.14, report the RST to the next write only. An RST that comes without a FIN
//! fails the first call that meets it.

use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use protocol::{Decoder, Framing};

use super::{Call, End, ToldBy, is_bye, message};
use crate::failure::Failure;

/// The longest answer that is understood, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Chats over `stream`: reads a line from `input`, writes it, reads the answer, and again. Blocks
/// in each of these calls, whatever happens elsewhere, until either side ends.
///
/// # Errors
///
/// Where `input` or `output` fails. What happens to the connection is no error but an [`End`].
pub fn chat(
    stream: &TcpStream,
    mut input: impl BufRead,
    output: &mut dyn Write,
    framing: Framing,
) -> io::Result<End> {
    let mut decoder = Decoder::new(framing, LONGEST_ANSWER);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            let cause = read_to_the_end(stream, output)?;
            return Ok(end(cause, Call::Read, true));
        }
        let (was_asked_for, fin_was_waiting) = (is_bye(&line), has_ended(stream));
        if let Err(error) = (&mut &*stream).write_all(&message(&line, framing)) {
            return Ok(end(error.into(), Call::Write, false));
        }
        match read_answer(stream, &mut decoder, output)? {
            Ok(()) => {}
            Err(Failure::EndOfFile) if !was_asked_for => {
                let next_write = (&mut &*stream).write_all(b"\n").err().map(Failure::from);
                let told_by = ToldBy { call: Call::Read, fin_was_waiting, next_write };
                let end = end(Failure::EndOfFile, Call::Read, false);
                return Ok(End { told_by: Some(told_by), ..end });
            }
            Err(cause) => return Ok(end(cause, Call::Read, was_asked_for)),
        }
    }
}

/// Prints the next answer, or what has come of it. The inner error is the connection's end.
fn read_answer(
    mut stream: &TcpStream,
    decoder: &mut Decoder,
    output: &mut dyn Write,
) -> io::Result<Result<(), Failure>> {
    let mut ended = false;
    loop {
        match decoder.next_message() {
            Ok(Some(answer)) => print(answer, output)?,
            Ok(None) if ended => return Ok(Err(Failure::EndOfFile)),
            Ok(None) => match stream.read(decoder.space()) {
                Ok(count) => {
                    ended = count == 0;
                    decoder.received(count);
                    continue;
                }
                Err(error) => return Ok(Err(error.into())),
            },
            Err(error) => return Ok(Err(error.into())),
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
    // A read, also one that only peeks, would take an error away from the call that is to meet it.
    let _ = poll(&mut descriptor, PollTimeout::ZERO);
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    descriptor[0].revents() == Some(PollFlags::POLLIN)
        && matches!(recv(stream.as_raw_fd(), &mut [0], flags), Ok(0))
}

/// The input has ended: ends our side, and prints what is still to come.
fn read_to_the_end(mut stream: &TcpStream, output: &mut dyn Write) -> io::Result<Failure> {
    if let Err(error) = stream.shutdown(Shutdown::Write) {
        return Ok(error.into());
    }
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(Failure::EndOfFile),
            Ok(count) => output.write_all(&bytes[..count])?,
            Err(error) => return Ok(error.into()),
        }
    }
}

fn end(cause: Failure, call: Call, was_asked_for: bool) -> End {
    let told_by = ToldBy { call, fin_was_waiting: false, next_write: None };
    End { cause, was_asked_for, missing: 0, told_by: Some(told_by) }
}
