//! The chat that watches its user and its server at once, with `poll(2)`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd;
use protocol::Framing;

use super::{Cause, End, is_bye, message};

/// Chats over `stream`: lines from `input` are sent, answers are written to `output`. Blocks until
/// the connection ends, whoever ends it. At the input's end our side of it is closed, and the
/// answers that are still to come are written.
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
    let mut chat = Chat { stream, input, output, framing, outgoing: Outgoing::default() };
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
    framing: Framing,
    outgoing: Outgoing,
}

/// What is on its way from the keyboard to the server.
#[derive(Default)]
struct Outgoing {
    /// What was typed and is not a message yet.
    typed: Vec<u8>,
    /// What is left of the messages to write.
    unsent: Vec<u8>,
    /// In raw framing: how much of the last message's echo is still to come. The next message
    /// must wait for it, or it might be read together with the last.
    due: usize,
    said_bye: bool,
    input_ended: bool,
    half_closed: bool,
}

impl Outgoing {
    /// Turns what was typed into messages, as far as they may be sent now.
    fn next_messages(&mut self, framing: Framing) {
        while self.may_send(framing)
            && let Some(line) = self.next_line()
        {
            self.said_bye = is_bye(&line);
            let message = message(&line, framing);
            if !self.said_bye {
                self.due += message.len();
            }
            self.unsent.extend(message);
        }
    }

    fn may_send(&self, framing: Framing) -> bool {
        framing == Framing::Line || self.due == 0
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let line_end = self.typed.iter().position(|byte| *byte == b'\n');
        match line_end {
            Some(line_end) => Some(self.typed.drain(..=line_end).collect()),
            None if self.input_ended && !self.typed.is_empty() => {
                Some(std::mem::take(&mut self.typed))
            }
            None => None,
        }
    }
}

impl Chat<'_> {
    /// Writes what the kernel takes, and ends our side after the last of it.
    fn send(&mut self) -> Result<(), Cause> {
        self.outgoing.next_messages(self.framing);
        while !self.outgoing.unsent.is_empty() {
            match (&mut &*self.stream).write(&self.outgoing.unsent) {
                Ok(count) => drop(self.outgoing.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let outgoing = &mut self.outgoing;
        if outgoing.input_ended && outgoing.typed.is_empty() && !outgoing.half_closed {
            outgoing.half_closed = true;
            // Fails where the connection has ended, which the next read tells in better words.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Waits until the server, or the user, has something for us: which of them?
    fn wait(&self) -> io::Result<(bool, bool)> {
        let outgoing = &self.outgoing;
        let mut server_events = PollFlags::POLLIN;
        server_events.set(PollFlags::POLLOUT, !outgoing.unsent.is_empty());
        let mut descriptors = vec![PollFd::new(self.stream.as_fd(), server_events)];
        // Where the server does not keep up, the user waits: nothing piles up here.
        let keeps_up = outgoing.unsent.is_empty() && outgoing.may_send(self.framing);
        if keeps_up && !outgoing.input_ended {
            descriptors.push(PollFd::new(self.input, PollFlags::POLLIN));
        }
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened = |index: usize| {
            descriptors.get(index).is_some_and(|descriptor| descriptor.any().unwrap_or(true))
        };
        Ok((happened(0), happened(1)))
    }

    /// Prints what has come. The inner error is the connection's end.
    fn receive(&mut self) -> io::Result<Result<(), Cause>> {
        let mut bytes = [0; 65536];
        let count = match (&mut &*self.stream).read(&mut bytes) {
            Ok(0) => return Ok(Err(Cause::EndOfFile)),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Ok(())),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Ok(())),
            Err(error) => return Ok(Err(error.into())),
        };
        self.output.write_all(&bytes[..count])?;
        self.outgoing.due = self.outgoing.due.saturating_sub(count);
        if self.framing == Framing::Raw && self.outgoing.due == 0 {
            self.output.write_all(b"\n")?;
        }
        self.output.flush()?;
        Ok(Ok(()))
    }

    fn end(&self, cause: Cause) -> End {
        let was_asked_for = self.outgoing.said_bye || self.outgoing.half_closed;
        End { cause, was_asked_for }
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
