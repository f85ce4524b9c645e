//! A thread for each client, as the standard library starts threads. The servers of this workspace
//! do without what it adds to each, and this program does not: what it costs can be seen here.

use std::io;
use std::net::TcpListener;
use std::thread;

use super::echo;

// ANCHOR: bug
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        // Asks where its stack ends, and maps, guards and announces a second one.
        thread::spawn(move || echo(&stream));
    }
    Ok(())
}
// ANCHOR_END: bug
