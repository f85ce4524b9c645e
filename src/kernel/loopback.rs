//! Whether this machine can reach itself.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// What to do where it cannot.
pub const FIX: &str = "the loopback interface may be down: sudo ip link set lo up";

/// Connects this process with itself over 127.0.0.1.
///
/// # Errors
///
/// Those of `bind(2)` and `connect(2)`: where the interface is down, `ENETUNREACH`.
pub fn reach() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    TcpStream::connect(listener.local_addr()?).map(drop)
}
