//! Many connections that stay open and silent.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::source::connect;

/// How long no further answer must come until the rest are taken not to be served.
const QUIET: Duration = Duration::from_millis(300);

/// Connections that were opened and answered once, where the server had room for them, and are
/// silent since. Dropping this closes them all.
#[derive(Debug)]
pub struct Held {
    connections: Vec<TcpStream>,
    served: usize,
}

impl Held {
    /// Opens `count` connections to `server`, sends one message on each, and waits until all are
    /// answered or no answer has come for a while: the others wait for a place.
    ///
    /// # Errors
    ///
    /// When a connection fails or an answer is wrong.
    pub fn open(server: SocketAddr, count: usize) -> io::Result<Self> {
        let connections = (0..count).map(|_| open_one(server)).collect::<io::Result<Vec<_>>>()?;
        let mut held = Held { connections, served: 0 };
        let mut waiting: Vec<usize> = (0..count).collect();
        let mut last = Instant::now();
        while !waiting.is_empty() && last.elapsed() < QUIET {
            let before = waiting.len();
            let mut failure = Ok(());
            waiting.retain(|&index| match is_answered(&held.connections[index]) {
                Ok(answered) => !answered,
                Err(error) => {
                    failure = Err(error);
                    false
                }
            });
            failure?;
            if waiting.len() < before {
                last = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        held.served = count - waiting.len();
        Ok(held)
    }

    /// How many connections are open.
    pub fn count(&self) -> usize {
        self.connections.len()
    }

    /// How many of them the server has answered. The others wait for their turn.
    pub fn served(&self) -> usize {
        self.served
    }
}

const MESSAGE: &[u8] = b"holding on here\n";

fn open_one(server: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect(server)?;
    stream.write_all(MESSAGE)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Whether the answer has come. It is short and sent in one write, so it comes whole.
fn is_answered(mut stream: &TcpStream) -> io::Result<bool> {
    let mut answer = [0; 2 * MESSAGE.len()];
    match stream.read(&mut answer) {
        Ok(count) if &answer[..count] == MESSAGE => Ok(true),
        Ok(count) => {
            let received = String::from_utf8_lossy(&answer[..count]);
            Err(io::Error::new(ErrorKind::InvalidData, format!("wrong echo: {received:?}")))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
