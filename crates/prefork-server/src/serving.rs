//! Whom a worker serves, where its parent can read it when the worker has died.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicU64, Ordering};

/// Stands above the port of an address of four bytes.
const IS_V4: u64 = 1 << 16;

/// A client's address in three words of memory that parent and worker share. A worker that is killed
/// leaves it behind.
#[derive(Clone, Copy)]
pub(crate) struct Serving(&'static [AtomicU64]);

impl Serving {
    /// How many words it takes.
    pub(crate) const WORDS: usize = 3;

    /// Nobody yet, in words that are 0.
    pub(crate) fn new(words: &'static [AtomicU64]) -> Self {
        Serving(words)
    }

    /// The worker says whom it serves now.
    pub(crate) fn begin(self, client: SocketAddr) {
        let (address, kind) = match client {
            SocketAddr::V4(client) => (client.ip().to_ipv6_mapped(), IS_V4),
            SocketAddr::V6(client) => (*client.ip(), u64::from(client.scope_id()) << 32),
        };
        let (high, low) = ((address.to_bits() >> 64) as u64, address.to_bits() as u64);
        // The port, which no client's is 0, comes last: with it the address holds.
        let last = kind | u64::from(client.port());
        for (place, word) in self.0.iter().zip([high, low, last]) {
            place.store(word, Ordering::Release);
        }
    }

    /// The worker serves nobody any more.
    pub(crate) fn end(self) {
        self.0[2].store(0, Ordering::Release);
    }

    /// Whom it serves, or served when it died.
    pub(crate) fn client(self) -> Option<SocketAddr> {
        let [last, low, high] = [2, 1, 0].map(|place| self.0[place].load(Ordering::Acquire));
        let address = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        let port = last as u16;
        match address.to_ipv4_mapped() {
            _ if port == 0 => None,
            Some(address) if last & IS_V4 != 0 => Some((address, port).into()),
            _ => Some(SocketAddrV6::new(address, port, 0, (last >> 32) as u32).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use server_core::shared_words;

    use super::*;

    #[test]
    fn a_parent_reads_whom_a_worker_serves_until_it_serves_nobody() {
        let serving = Serving::new(shared_words(Serving::WORDS).unwrap());
        assert_eq!(serving.client(), None);
        for client in
            ["127.0.0.1:4711", "[2001:db8::1:2]:65535", "[::ffff:127.0.0.1]:1", "[fe80::1%3]:7"]
        {
            let client: SocketAddr = client.parse().unwrap();
            serving.begin(client);
            assert_eq!(serving.client(), Some(client));
            serving.end();
            assert_eq!(serving.client(), None);
        }
    }
}
