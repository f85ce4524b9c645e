use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use crate::answers::iterative::ending::echo;
use crate::exercise::{Exercise, Kind, Outcome, Task, holds, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "iterative/ending",
    kind: Kind::Line,
    about: "it does not notice that the client has left",
    hints: [
        "What does `read` return when the client has closed its side? `read(2)`, RETURN VALUE.",
        "A read of no bytes is the end: the function should return there, before it writes.",
    ],
    tasks: &[
        Task::still("what comes goes back", goes_back),
        Task::still("a connection that breaks is an error", breaks),
        Task::new("the end of the input is the end of the function", ends),
    ],
};

/// A client that sends this and leaves, or breaks off.
struct Client {
    sends: VecDeque<&'static [u8]>,
    breaks: bool,
    ended: bool,
    was_sent: Vec<u8>,
}

impl Client {
    fn new(sends: &[&'static [u8]], breaks: bool) -> Self {
        Client { sends: sends.iter().copied().collect(), breaks, ended: false, was_sent: vec![] }
    }
}

impl Read for Client {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.sends.pop_front() {
            Some(mut text) => {
                let count = text.read(bytes)?;
                if !text.is_empty() {
                    self.sends.push_front(text);
                }
                Ok(count)
            }
            None if self.breaks => Err(ErrorKind::ConnectionReset.into()),
            None if self.ended => Err(io::Error::other("it was read again behind its end")),
            None => {
                self.ended = true;
                Ok(0)
            }
        }
    }
}

impl Write for Client {
    /// Takes no more than three bytes at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(3);
        self.was_sent.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn goes_back() -> Outcome {
    let mut client = Client::new(&[b"one\n", b"two\n"], false);
    let _ = echo(&mut client);
    right!("what was sent back", String::from_utf8_lossy(&client.was_sent), "one\ntwo\n");
    Ok(())
}

fn breaks() -> Outcome {
    let broken = echo(&mut Client::new(&[b"one\n"], true));
    let kind = broken.map_err(|error| error.kind());
    right!("of a reset it returns", kind, Err(ErrorKind::ConnectionReset));
    Ok(())
}

fn ends() -> Outcome {
    let ended = echo(&mut Client::new(&[b"one\n", b"x"], false));
    holds!(ended.is_ok(), ended.map_or_else(|error| error.to_string(), |()| String::new()));
    Ok(())
}
