//! Complete a line: take all that has come, since the kernel tells of it once.

use std::io::{self, ErrorKind, Read};

/// Takes all that has come over a stream that does not block, adds it to `received`, and returns
/// whether the client has ended its side.
///
/// # Errors
///
/// Those of the read, but for `WouldBlock`, which says that nothing more has come.
pub fn receive(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(true),
            Ok(count) => received.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
