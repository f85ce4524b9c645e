//! The homework, begun: `starter PORT` serves one client after the other, and the first that resets
//! its connection ends it.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("a port is missing: starter PORT")?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
    loop {
        let (client, _) = listener.accept()?;
        echo(client)?;
    }
}

// ANCHOR: echo
/// Sends back what comes, until the client has said all.
fn echo(mut client: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = client.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        client.write_all(&bytes[..count])?;
    }
}
// ANCHOR_END: echo
