//! Serve one client after the other, whatever some of them do.

use std::io;

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Clients that were served to a good end.
    pub well: usize,
    /// Clients whose connection failed.
    pub failed: usize,
}

/// Serves each client that `accepted` returns, until it returns no more. A client's failure ends
/// that client's connection and is counted. A failure to accept is a client's failure where its
/// kind is `ConnectionAborted` or `Interrupted`, and the server's end where it is any other.
///
/// As it stands, the first failure ends the server, whosever it is.
///
/// # Errors
///
/// A failure to accept that is not a client's.
pub fn serve_each<Client>(
    accepted: impl Iterator<Item = io::Result<Client>>,
    mut serve: impl FnMut(Client) -> io::Result<()>,
) -> io::Result<Served> {
    let mut served = Served::default();
    for client in accepted {
        serve(client?)?;
        served.well += 1;
    }
    Ok(served)
}
