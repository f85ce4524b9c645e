//! Threads. The counter is atomic, and counting is not.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

// ANCHOR: bug
static LINES: AtomicU64 = AtomicU64::new(0);

fn count() {
    let lines = LINES.load(Ordering::SeqCst);
    LINES.store(lines + 1, Ordering::SeqCst); // BUG: who has counted in between is forgotten
}
// ANCHOR_END: bug

pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || serve(&stream));
    }
}

/// Counts all lines but those that ask how many there were.
fn serve(mut stream: &TcpStream) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        match line?.as_str() {
            "how many?" => writeln!(stream, "{}", LINES.load(Ordering::SeqCst))?,
            _ => count(),
        }
    }
    Ok(())
}
