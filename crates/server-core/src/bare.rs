//! What each bare server (`src/bare.rs`) leaves to a client's own thread or process: the
//! whole job, for a client that behaves.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Sends back what comes, until the client leaves or says `Bye`. Blocks meanwhile.
///
/// # Errors
///
/// What ends the connection before that.
// ANCHOR: echo
pub fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 || bytes[..count].ends_with(b"Bye\n") {
            return Ok(());
        }
        stream.write_all(&bytes[..count])?;
    }
}
// ANCHOR_END: echo
