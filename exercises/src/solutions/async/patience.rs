//! Wait for a client, but not for ever.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

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
/// # Errors
///
/// Those of the read.
pub async fn first_line(stream: &mut TcpStream, patience: Duration) -> io::Result<Waited> {
    let mut lines = BufReader::new(stream).lines();
    match timeout(patience, lines.next_line()).await {
        Err(_) => Ok(Waited::TooLong),
        Ok(line) => Ok(line?.map_or(Waited::End, Waited::Line)),
    }
}
