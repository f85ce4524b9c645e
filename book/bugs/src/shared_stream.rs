//! Thread. A second handle to each connection is kept, and kept alive.

use std::io;
use std::net::TcpListener;
use std::thread;

use crate::echo;

// ANCHOR: bug
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    let mut for_the_shutdown = Vec::new();
    loop {
        let (stream, _) = listener.accept()?;
        for_the_shutdown.push(stream.try_clone()?); // BUG: never removed, so never closed
        thread::spawn(move || echo(&stream));
    }
}
// ANCHOR_END: bug
