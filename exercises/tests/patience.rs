//! Tasks: a silent client does not keep its task.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use exercises::patience::{Waited, first_line};
use exercises::right;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// What the server's side waits for, with a client that does this.
fn wait_for(
    patience: Duration,
    client: impl AsyncFnOnce(TcpStream) -> Option<TcpStream>,
) -> Waited {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let _client = client(stream).await;
        let waited = first_line(&mut server, patience);
        timeout(Duration::from_secs(5), waited).await.unwrap().unwrap()
    })
}

#[test]
fn still_a_line_that_comes_is_returned() {
    let waited = wait_for(Duration::from_secs(60), async |mut client: TcpStream| {
        client.write_all(b"hello\nmore\n").await.unwrap();
        Some(client)
    });
    right!(waited, Waited::Line("hello".to_owned()));
}

#[test]
fn still_a_client_that_leaves_is_not_waited_for() {
    right!(wait_for(Duration::from_secs(60), async |_| None), Waited::End);
}

#[test]
fn task_1_a_silent_client_is_waited_for_so_long_and_no_longer() {
    let waited = wait_for(Duration::from_millis(50), async |client| Some(client));
    right!(waited, Waited::TooLong);
}
