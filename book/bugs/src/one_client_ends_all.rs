//! Iterative. One client's failure is taken for the server's.

use std::io;
use std::net::TcpListener;

use crate::echo;

// ANCHOR: bug
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        echo(&stream)?; // BUG: a client that resets ends the server
    }
}
// ANCHOR_END: bug
