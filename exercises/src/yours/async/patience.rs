//! Wait for a client, but not for ever.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// A line, without its end.
    Line(String),
    /// The client ended its side, and there is no line.
    End,
    /// Nothing came in time.
    TooLong,
}

/// Waits for the client's first line, for `patience` at most.
///
/// As it stands, it waits for ever.
///
/// # Errors
///
/// Those of the read.
pub async fn first_line(stream: &mut TcpStream, patience: Duration) -> io::Result<Waited> {
    let _ = patience;
    match BufReader::new(stream).lines().next_line().await? {
        Some(line) => Ok(Waited::Line(line)),
        None => Ok(Waited::End),
    }
}
