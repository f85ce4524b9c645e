//! Whom a worker serves, where its parent can read it when the worker has died.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

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
        let address = match client.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let (high, low) = ((address.to_bits() >> 64) as u64, address.to_bits() as u64);
        // The port, which no client's is 0, comes last: with it the address holds.
        for (place, word) in self.0.iter().zip([high, low, u64::from(client.port())]) {
            place.store(word, Ordering::Release);
        }
    }

    /// The worker serves nobody any more.
    pub(crate) fn end(self) {
        self.0[2].store(0, Ordering::Release);
    }

    /// Whom it serves, or served when it died.
    pub(crate) fn client(self) -> Option<SocketAddr> {
        let [port, low, high] = [2, 1, 0].map(|place| self.0[place].load(Ordering::Acquire));
        let address = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
        Some(SocketAddr::new(address.to_canonical(), port))
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
        for client in ["127.0.0.1:4711", "[2001:db8::1:2]:65535"] {
            let client: SocketAddr = client.parse().unwrap();
            serving.begin(client);
            assert_eq!(serving.client(), Some(client));
            serving.end();
            assert_eq!(serving.client(), None);
        }
    }
}
