//! Addresses as users type them: `HOST:PORT`.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// All addresses of a host, in the order in which its name was resolved. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    first: SocketAddr,
    others: Vec<SocketAddr>,
}

impl Addresses {
    /// `first`, and all others that are not the same.
    pub fn new(first: SocketAddr, others: impl IntoIterator<Item = SocketAddr>) -> Self {
        let others = others.into_iter().filter(|other| *other != first).collect();
        Addresses { first, others }
    }

    /// The address to listen at, or to try first.
    pub fn first(&self) -> SocketAddr {
        self.first
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        [self.first].into_iter().chain(self.others.iter().copied())
    }
}

impl From<SocketAddr> for Addresses {
    fn from(first: SocketAddr) -> Self {
        Addresses::new(first, [])
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.others.iter().try_for_each(|address| write!(f, " or {address}"))
    }
}

/// Reads `HOST:PORT`. A host name is resolved, which may block.
///
/// # Errors
///
/// One line that says what is wrong with the text, and how it is written.
pub fn parse_addresses(text: &str) -> Result<Addresses, String> {
    if let Some(complete) = complete(text) {
        return Err(format!("expected HOST:PORT, such as {complete}"));
    }
    let found = text.to_socket_addrs();
    let mut found = found.map_err(|error| format!("expected HOST:PORT ({error})"))?;
    let first = found.next().ok_or("this host has no address")?;
    Ok(Addresses::new(first, found))
}

/// The same, for a server, which listens at one address: the first.
///
/// # Errors
///
/// Those of [`parse_addresses`].
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    parse_addresses(text).map(|addresses| addresses.first())
}

/// The address with the part that the user has left out.
fn complete(text: &str) -> Option<String> {
    if text.parse::<u16>().is_ok() {
        return Some(format!("127.0.0.1:{text}"));
    }
    match (text.parse::<IpAddr>(), text.rsplit_once(':')) {
        (Ok(IpAddr::V6(host)), _) => Some(format!("[{host}]:5555")),
        (_, None) if text.is_empty() => Some("127.0.0.1:5555".to_owned()),
        (_, None) => Some(format!("{text}:5555")),
        (_, Some(("", port))) if port.parse::<u16>().is_ok() => Some(format!("127.0.0.1:{port}")),
        (_, Some(("", _))) => Some("127.0.0.1:5555".to_owned()),
        _ => None,
    }
}

/// Whether a word of a command line is an address, or the host of one.
pub(crate) fn looks_like_address(word: &str) -> bool {
    let has_port = word.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    has_port || word == "localhost" || word.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_number_or_a_name_with_a_port() {
        assert_eq!(parse_address("[::1]:80"), Ok("[::1]:80".parse().unwrap()));
        let local = parse_addresses("localhost:80").unwrap();
        assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
        for wrong in ["", "5555", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:port"] {
            assert!(parse_address(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_left_out_is_shown_in_its_place() {
        let cases = [
            ("localhost", "localhost:5555"),
            (":80", "127.0.0.1:80"),
            ("5555", "127.0.0.1:5555"),
            ("::1", "[::1]:5555"),
        ];
        for (typed, expected) in cases {
            assert!(parse_address(typed).unwrap_err().ends_with(expected), "{typed}");
        }
    }
}
