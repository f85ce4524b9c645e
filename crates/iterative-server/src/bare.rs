//! One client after the other.

use std::io;
use std::net::TcpListener;

use server_core::bare::echo;

pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        echo(stream)?;
    }
}
