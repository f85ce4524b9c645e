//! Build a piece: a task for each client.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Accepts clients for ever, and serves each in a task of its own, which ends with the client.
///
/// As it stands, there is one task for all.
pub(crate) async fn run(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        echo(stream).await?;
    }
}

/// Sends back what comes, until the client leaves or says `Bye`.
///
/// As it stands, it does so once.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).await?;
    stream.write_all(&bytes[..count]).await
}
