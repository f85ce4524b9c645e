//! The echo service on this runtime. Compare it with the page of `async-server`.

use std::io;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};

use crate::{Socket, sleep, spawn};

/// Serves all who come, and works for so long on each message.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(listener: Socket<TcpListener>, delay: Duration) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(async move {
            // A connection's failure is its own.
            let _ = echo(stream, delay).await;
        });
    }
}

// ANCHOR: echo
async fn echo(stream: Socket<TcpStream>, delay: Duration) -> io::Result<()> {
    let mut bytes = [0; 1024];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 || bytes[..count].ends_with(b"Bye\n") {
            return Ok(());
        }
        sleep(delay).await;
        stream.write_all(&bytes[..count]).await?;
    }
}
// ANCHOR_END: echo
