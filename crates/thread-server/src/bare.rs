//! A thread for each client.

use std::io;
use std::net::TcpListener;
use std::thread;

use server_core::bare::echo;

pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || echo(stream));
    }
}
