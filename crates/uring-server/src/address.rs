//! A place where the kernel writes the address of an accepted client.

use std::io;
use std::net::SocketAddr;

use nix::libc::{sockaddr, socklen_t};
use socket2::{SockAddr, SockAddrStorage};

use crate::ring::Owner;

/// The address of a client. It is lent in a box, and so stays where it is.
pub(crate) struct Address {
    storage: SockAddrStorage,
    length: socklen_t,
}

impl Address {
    /// A place for any address.
    pub(crate) fn new() -> Self {
        let storage = SockAddrStorage::zeroed();
        let length = storage.size_of();
        Address { storage, length }
    }

    /// Where `accept(2)` writes the address and its length.
    pub(crate) fn places(&mut self) -> (*mut sockaddr, *mut socklen_t) {
        ((&raw mut self.storage).cast(), &raw mut self.length)
    }

    /// The address that was written.
    ///
    /// # Errors
    ///
    /// When it is not an internet address.
    #[allow(unsafe_code)]
    pub(crate) fn read(self) -> io::Result<SocketAddr> {
        // SAFETY: the kernel has written an address of this length, or nothing over the zeros.
        let address = unsafe { SockAddr::new(self.storage, self.length) };
        address.as_socket().ok_or(io::ErrorKind::AddrNotAvailable.into())
    }
}

// SAFETY: it shows its own fields, and they are in the box that is lent.
#[allow(unsafe_code)]
unsafe impl Owner for Address {}
