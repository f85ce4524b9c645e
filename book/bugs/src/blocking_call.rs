//! Async. A task blocks the thread that it shares with all others.

use std::io;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    Builder::new_current_thread().enable_io().build()?.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(slow_echo(stream));
        }
    })
}

// ANCHOR: bug
async fn slow_echo(stream: TcpStream) -> io::Result<()> {
    let (input, mut output) = stream.into_split();
    let mut lines = BufReader::new(input).lines();
    while let Some(line) = lines.next_line().await? {
        sleep(Duration::from_millis(500)); // BUG: no `await`: the thread sleeps, not the task
        output.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}
// ANCHOR_END: bug
