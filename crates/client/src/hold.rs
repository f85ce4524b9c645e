//! Many connections that stay open and silent.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::probe::Probe;

/// How long the answers may take that are expected of a party.
const PATIENCE: Duration = Duration::from_secs(20);

/// After this time without an answer, no further connection is expected to be answered.
const QUIET: Duration = Duration::from_millis(500);

/// How long after one connection the next one is opened to a server whose backlog may be short.
const PACE: Duration = Duration::from_micros(500);

/// How many connections are opened before their answers are waited for: fewer than a backlog holds.
const PARTY: usize = 500;

/// Connections that were opened and answered once, where the server has room for them, and are
/// silent since. Dropping this closes them all.
#[derive(Debug)]
pub struct Held {
    connections: Vec<Probe>,
    served: usize,
}

impl Held {
    /// Opens `count` connections to `server`, sends one message on each, and waits until at least
    /// `expected` of them are answered. The others wait for a place.
    ///
    /// # Errors
    ///
    /// When a connection fails, an answer is wrong, or one that is expected does not come.
    pub fn open(server: SocketAddr, count: usize, expected: usize) -> io::Result<Self> {
        let mut held = Held { connections: Vec::with_capacity(count), served: 0 };
        for first in (0..count).step_by(PARTY) {
            let party = PARTY.min(count - first);
            held.open_party(server, party, expected.saturating_sub(first).min(party))?;
        }
        Ok(held)
    }

    /// Opens `count` connections to a server of which it is not known how many it serves, sends one message
    /// on each, and waits until no connection has been answered for a while.
    ///
    /// # Errors
    ///
    /// When a connection fails or an answer is wrong.
    pub fn open_until_quiet(server: SocketAddr, count: usize) -> io::Result<Self> {
        let mut waiting = Vec::with_capacity(count);
        let mut held = Held { connections: Vec::with_capacity(count), served: 0 };
        for number in 1..=count {
            waiting.push(ask(server, PATIENCE / 2).map_err(|error| {
                io::Error::new(error.kind(), format!("connection {number} of {count}: {error}"))
            })?);
            // A backlog of five must not overflow.
            std::thread::sleep(PACE);
        }
        let mut last = Instant::now();
        while !waiting.is_empty() && last.elapsed() < QUIET {
            let mut silent = Vec::new();
            for mut connection in waiting {
                match is_answered(&mut connection)? {
                    true => {
                        last = Instant::now();
                        held.connections.push(connection);
                    }
                    false => silent.push(connection),
                }
            }
            waiting = silent;
            std::thread::sleep(Duration::from_millis(2));
        }
        held.served = held.connections.len();
        held.connections.extend(waiting);
        Ok(held)
    }

    fn open_party(&mut self, server: SocketAddr, count: usize, expected: usize) -> io::Result<()> {
        let party = (0..count).map(|_| ask(server, PATIENCE));
        let mut party = party.collect::<io::Result<Vec<_>>>()?;
        let mut waiting: Vec<&mut Probe> = party.iter_mut().collect();
        let end = Instant::now() + PATIENCE;
        while count - waiting.len() < expected {
            let mut silent = Vec::new();
            for connection in waiting {
                if !is_answered(connection)? {
                    silent.push(connection);
                }
            }
            waiting = silent;
            if Instant::now() > end {
                let missing = format!("{} of {expected} answers came", count - waiting.len());
                return Err(io::Error::new(ErrorKind::TimedOut, missing));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.served += count - waiting.len();
        self.connections.extend(party);
        Ok(())
    }

    /// The connections, which do not block, for a caller that has more to do with them.
    pub fn into_connections(self) -> Vec<TcpStream> {
        self.connections.into_iter().map(Probe::into_stream).collect()
    }

    /// How many of the connections the server has answered. The others wait for their turn.
    pub fn served(&self) -> usize {
        self.served
    }
}

const MESSAGE: &[u8] = b"holding on here\n";

/// Connects and asks.
fn ask(server: SocketAddr, patience: Duration) -> io::Result<Probe> {
    let mut probe = Probe::connect(server, patience)?;
    probe.send(MESSAGE);
    Ok(probe)
}

/// Whether the answer has come. It may come in pieces: they stay where they are until all of them are there.
fn is_answered(probe: &mut Probe) -> io::Result<bool> {
    let mut answer = [0; 2 * MESSAGE.len()];
    let is_piece =
        |come: &[u8]| (1..MESSAGE.len()).contains(&come.len()) && MESSAGE.starts_with(come);
    match probe.peek(&mut answer) {
        Ok(Some(count)) if is_piece(&answer[..count]) => return Ok(false),
        _ => {}
    }
    match probe.look(&mut answer)? {
        None => Ok(false),
        Some(count) if &answer[..count] == MESSAGE => Ok(true),
        Some(count) => {
            let received = String::from_utf8_lossy(&answer[..count]);
            Err(io::Error::new(ErrorKind::InvalidData, format!("wrong echo: {received:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;
    use crate::probe::wait;

    #[test]
    fn an_answer_in_two_pieces_is_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = ask(listener.local_addr().unwrap(), PATIENCE).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.set_nodelay(true).unwrap();
        server.write_all(&MESSAGE[..5]).unwrap();
        wait([&client], PATIENCE);
        assert!(!is_answered(&mut client).unwrap());
        server.write_all(&MESSAGE[5..]).unwrap();
        let end = Instant::now() + PATIENCE;
        while !is_answered(&mut client).unwrap() {
            assert!(Instant::now() < end);
        }
    }
}
