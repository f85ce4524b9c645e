//! A thread for each client.

use std::io;
use std::net::TcpListener;
use std::thread;

pub(super) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        thread::spawn(move || super::echo(&mut stream));
    }
}
