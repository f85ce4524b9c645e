//! Serve one client after the other, whatever some of them do.

use std::io::{self, ErrorKind};

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
/// # Errors
///
/// A failure to accept that is not a client's.
pub fn serve_each<Client>(
    accepted: impl Iterator<Item = io::Result<Client>>,
    mut serve: impl FnMut(Client) -> io::Result<()>,
) -> io::Result<Served> {
    let mut served = Served::default();
    for client in accepted {
        let outcome = match client {
            Ok(client) => serve(client),
            Err(error) if is_the_clients(&error) => Err(error),
            Err(error) => return Err(error),
        };
        match outcome {
            Ok(()) => served.well += 1,
            Err(_) => served.failed += 1,
        }
    }
    Ok(served)
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted)
}
