//! One client after the other.

use std::io;
use std::net::TcpListener;

pub(super) fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        super::echo(&mut stream)?;
    }
}
