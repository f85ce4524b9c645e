//! A relay between clients and a server, which passes bytes on faithfully, in pieces, or not all of them.
//!
//! TCP loses nothing. But the program at its end may, where it takes a write that was accepted in part for
//! a whole one: for a client that looks as if the relay had lost bytes.

use std::io::ErrorKind::{ConnectionAborted, Interrupted};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What becomes of the bytes that a server sends. Those of the clients pass as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Treatment {
    /// How many bytes are passed on at a time, each such piece by a write of its own; 0 for as many as
    /// have come.
    pub piece: usize,
    /// Of every group of this many bytes, the last is lost; 0 for none.
    pub lost_of: usize,
}

/// Relays each client that the listener accepts to `server` and back, for ever. A client for whom the
/// server cannot be reached is let go.
///
/// # Errors
///
/// When the listener fails.
pub fn relay(listener: &TcpListener, server: SocketAddr, treatment: Treatment) -> io::Result<()> {
    loop {
        let client = match listener.accept() {
            // It has gone before it was accepted, or a signal came.
            Err(error) if matches!(error.kind(), ConnectionAborted | Interrupted) => continue,
            client => client?,
        };
        if let Err(error) = connect(client.0, server, treatment) {
            eprintln!("{} is not relayed: {error}", client.1);
        }
    }
}

fn connect(client: TcpStream, server: SocketAddr, treatment: Treatment) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let thread = thread::Builder::new;
    thread().spawn(move || copy(&from_client, &to_server, Treatment::default()))?;
    thread().spawn(move || copy(&server, &client, treatment))?;
    Ok(())
}

/// Copies until the end, and passes that on.
fn copy(mut from: &TcpStream, mut to: &TcpStream, treatment: Treatment) {
    let mut bytes = [0; 4096];
    let mut passed = 0;
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let left = treatment.leaves(&bytes[..count], &mut passed);
        let piece = if treatment.piece == 0 { count } else { treatment.piece };
        if left.chunks(piece).any(|piece| to.write_all(piece).is_err()) {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

impl Treatment {
    /// What it leaves of these bytes, which came behind this many others.
    fn leaves(self, bytes: &[u8], passed: &mut usize) -> Vec<u8> {
        let is_left = |_: &&u8| {
            *passed += 1;
            self.lost_of == 0 || !passed.is_multiple_of(self.lost_of)
        };
        bytes.iter().filter(is_left).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_so_many_bytes_is_lost_wherever_the_reads_end() {
        let (lossy, mut passed) = (Treatment { lost_of: 3, piece: 0 }, 0);
        let left: Vec<Vec<u8>> =
            [&b"ab"[..], b"cdefg"].iter().map(|it| lossy.leaves(it, &mut passed)).collect();
        assert_eq!(left, [b"ab".to_vec(), b"deg".to_vec()]);
        assert_eq!(Treatment::default().leaves(b"abcdef", &mut passed), b"abcdef");
    }
}
