//! The chat that watches its user and its server at once, with `poll(2)`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd;
use protocol::Framing;

use super::{End, is_bye, message};
use crate::failure::Failure;

/// How long a raw answer must have been still, before what has come of it is taken for all of it.
const STILL: Duration = Duration::from_millis(300);

/// How much is read from the keyboard ahead of what may be sent.
const TYPED_AHEAD: usize = 64 * 1024;

/// Chats over `stream`: lines from `input` are sent, answers are written to `output`. Blocks until
/// the connection ends, from either side. At the input's end our side of it is closed, and the
/// answers that are still to come are written. Nothing is sent behind `Bye`.
///
/// # Errors
///
/// Where `input` or `output` fails, or `poll`. What happens to the connection is no error but its
/// [`End`].
pub fn chat(
    stream: &TcpStream,
    input: BorrowedFd<'_>,
    output: &mut dyn Write,
    framing: Framing,
) -> io::Result<End> {
    stream.set_nonblocking(true)?;
    let mut chat = Chat { stream, input, output, outgoing: Outgoing::new(framing) };
    loop {
        if let Err(cause) = chat.send() {
            // What had come before is still printed.
            let _ = chat.receive()?;
            return Ok(chat.end(cause));
        }
        let (server, user) = chat.wait()?;
        if server && let Err(cause) = chat.receive()? {
            return Ok(chat.end(cause));
        }
        if user {
            chat.read_input()?;
        }
    }
}

struct Chat<'a> {
    stream: &'a TcpStream,
    input: BorrowedFd<'a>,
    output: &'a mut dyn Write,
    outgoing: Outgoing,
}

/// What is on its way from the keyboard to the server.
struct Outgoing {
    framing: Framing,
    /// What was typed and is not a message yet, and how much of it holds no line end.
    typed: Vec<u8>,
    searched: usize,
    /// The messages to write, and how much of them was written.
    unsent: Vec<u8>,
    written: usize,
    /// How much of the echo is still to come.
    due: usize,
    /// In raw framing: whether a piece of the last message's answer has come. The next message
    /// must wait for all of it, or the two might be read together.
    in_pieces: bool,
    said_bye: bool,
    input_ended: bool,
    half_closed: bool,
}

impl Outgoing {
    fn new(framing: Framing) -> Self {
        Outgoing {
            framing,
            typed: Vec::new(),
            searched: 0,
            unsent: Vec::new(),
            written: 0,
            due: 0,
            in_pieces: false,
            said_bye: false,
            input_ended: false,
            half_closed: false,
        }
    }

    /// Turns what was typed into messages, as far as they may be sent now.
    fn next_messages(&mut self) {
        while self.may_send()
            && let Some(line) = self.next_line()
        {
            let message = message(&line, self.framing);
            self.said_bye = is_bye(&line);
            if !self.said_bye {
                self.due += message.len();
            }
            self.unsent.extend(message);
        }
    }

    fn may_send(&self) -> bool {
        let is_answered = self.framing == Framing::Line || self.due == 0;
        is_answered && !self.said_bye
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let line_end = self.typed[self.searched..].iter().position(|byte| *byte == b'\n');
        match line_end {
            Some(offset) => {
                let line = self.typed.drain(..=self.searched + offset).collect();
                self.searched = 0;
                Some(line)
            }
            None if self.input_ended && !self.typed.is_empty() => {
                self.searched = 0;
                Some(std::mem::take(&mut self.typed))
            }
            None => {
                self.searched = self.typed.len();
                None
            }
        }
    }

    fn is_all_written(&self) -> bool {
        self.written == self.unsent.len()
    }

    /// Whether the user has nothing more to say, and all of it was written.
    fn is_complete(&self) -> bool {
        self.input_ended && self.is_all_written() && (self.said_bye || self.typed.is_empty())
    }

    /// Whether there is room for more from the keyboard. Where the server does not keep up, the
    /// user waits, and nothing piles up here.
    fn wants_input(&self) -> bool {
        let is_typed_ahead = !self.may_send() && self.typed.len() >= TYPED_AHEAD;
        !self.input_ended && self.is_all_written() && !is_typed_ahead
    }
}

impl Chat<'_> {
    /// Writes what the kernel takes, and ends our side after the last of it.
    fn send(&mut self) -> Result<(), Failure> {
        let outgoing = &mut self.outgoing;
        outgoing.next_messages();
        while !outgoing.is_all_written() {
            match (&mut &*self.stream).write(&outgoing.unsent[outgoing.written..]) {
                Ok(count) => outgoing.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        outgoing.unsent.clear();
        outgoing.written = 0;
        if outgoing.is_complete() && !outgoing.half_closed {
            outgoing.half_closed = true;
            // Fails where the connection has ended, which the next read tells in better words.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Waits until the server, or the user, has something for us: which of them?
    fn wait(&mut self) -> io::Result<(bool, bool)> {
        let outgoing = &self.outgoing;
        let mut server_events = PollFlags::POLLIN;
        server_events.set(PollFlags::POLLOUT, !outgoing.is_all_written());
        // ANCHOR: wait
        let mut descriptors = vec![PollFd::new(self.stream.as_fd(), server_events)];
        if outgoing.wants_input() {
            descriptors.push(PollFd::new(self.input, PollFlags::POLLIN));
        }
        let still = PollTimeout::try_from(STILL).unwrap_or(PollTimeout::MAX);
        let timeout = if outgoing.in_pieces { still } else { PollTimeout::NONE };
        let ready = match poll(&mut descriptors, timeout) {
            Err(Errno::EINTR) => return Ok((false, false)),
            ready => ready?,
        };
        // ANCHOR_END: wait
        let happened = |index: usize| {
            descriptors.get(index).is_some_and(|descriptor| descriptor.any().unwrap_or(true))
        };
        let happened = (happened(0), happened(1));
        if ready == 0 {
            self.end_answer()?;
        }
        Ok(happened)
    }

    /// Prints what has come. The inner error is the connection's end.
    fn receive(&mut self) -> io::Result<Result<(), Failure>> {
        let mut bytes = [0; 65536];
        let count = match (&mut &*self.stream).read(&mut bytes) {
            Ok(0) => return Ok(Err(Failure::EndOfFile)),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Ok(())),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Ok(())),
            Err(error) => return Ok(Err(error.into())),
        };
        self.output.write_all(&bytes[..count])?;
        self.output.flush()?;
        self.outgoing.due = self.outgoing.due.saturating_sub(count);
        if self.outgoing.framing == Framing::Raw {
            self.outgoing.in_pieces = true;
            if self.outgoing.due == 0 {
                self.end_answer()?;
            }
        }
        Ok(Ok(()))
    }

    /// A raw answer has come, all of it or as much as comes: it gets a line of its own.
    fn end_answer(&mut self) -> io::Result<()> {
        self.outgoing.in_pieces = false;
        self.outgoing.due = 0;
        self.output.write_all(b"\n")?;
        self.output.flush()
    }

    fn end(&self, cause: Failure) -> End {
        let Outgoing { said_bye, half_closed, due, in_pieces, .. } = self.outgoing;
        // In raw framing, this is the answer.
        let missing = if in_pieces { 0 } else { due };
        End { cause, was_asked_for: said_bye || half_closed, missing, told_by: None }
    }

    fn read_input(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match unistd::read(self.input, &mut bytes) {
            // The other end of a terminal has gone: EIO, where a pipe has an end.
            Ok(0) | Err(Errno::EIO) => self.outgoing.input_ended = true,
            Ok(count) => self.outgoing.typed.extend_from_slice(&bytes[..count]),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
