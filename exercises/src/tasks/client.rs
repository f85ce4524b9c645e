//! A client of a bare server, and what it sees.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::exercise::{Fault, Outcome, holds, right};

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// How long nothing is to come, where nothing should come.
pub(super) const A_WHILE: Duration = Duration::from_millis(200);

/// A client that is connected.
pub(super) struct Client(TcpStream);

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address)
            .map_err(|error| Fault::Wrong(format!("a client cannot connect: {error}")))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client(stream))
    }

    pub(super) fn send(&mut self, text: &str) -> Outcome {
        Ok(self.0.write_all(text.as_bytes())?)
    }

    /// Sends a message, and sees it come back.
    pub(super) fn exchange(&mut self, text: &str) -> Outcome {
        self.send(text)?;
        self.receive(text)
    }

    /// Sees exactly this come.
    pub(super) fn receive(&mut self, text: &str) -> Outcome {
        let mut bytes = vec![0; text.len()];
        self.0.read_exact(&mut bytes).map_err(|error| {
            Fault::Wrong(match error.kind() {
                ErrorKind::WouldBlock => {
                    format!("a client was not sent {text:?} within {PATIENCE:?}")
                }
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
                    format!("a client's connection was closed before it was sent {text:?}")
                }
                _ => format!("a client waited for {text:?}: {error}"),
            })
        })?;
        right!("what a client was sent", String::from_utf8_lossy(&bytes), text);
        Ok(())
    }

    /// Sees nothing come for a while.
    pub(super) fn is_left_waiting(&mut self, what: &str) -> Outcome {
        self.0.set_read_timeout(Some(A_WHILE))?;
        let read = self.0.read(&mut [0]);
        self.0.set_read_timeout(Some(PATIENCE))?;
        holds!(read.is_err_and(|it| it.kind() == ErrorKind::WouldBlock), what);
        Ok(())
    }

    /// Says `Bye`, and sees its connection close without an answer.
    pub(super) fn leave(mut self) -> Outcome {
        self.send("Bye\n")?;
        let mut bytes = [0; 64];
        match self.0.read(&mut bytes) {
            Ok(0) => Ok(()),
            Ok(count) => {
                let answer = String::from_utf8_lossy(&bytes[..count]);
                Err(Fault::Wrong(format!("Bye has no answer, and a client was sent {answer:?}")))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Fault::Wrong(format!(
                "a client said Bye, and its connection was not closed within {PATIENCE:?}"
            ))),
            Err(error) => Err(Fault::Wrong(format!("a client said Bye: {error}"))),
        }
    }
}
