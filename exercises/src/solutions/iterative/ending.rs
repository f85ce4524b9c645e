//! Complete a line: notice that a client has left.

use std::io::{self, Read, Write};

/// Sends back what comes, until the client has ended its side.
///
/// # Errors
///
/// Those of the reads and the writes.
pub fn echo(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..count])?;
    }
}
