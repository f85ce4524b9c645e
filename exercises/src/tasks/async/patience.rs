use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::answers::r#async::patience::{Waited, first_line};
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, right};
use crate::tasks::client::PATIENCE;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "async/patience",
    kind: Kind::Bug,
    about: "it waits for a silent client for ever",
    hints: [
        "`tokio::time::timeout` waits for a future, or until a time is over.",
        "It returns an error where the time was over, and otherwise what the future returned.",
    ],
    tasks: &[
        Task::still("a line that comes is returned", comes),
        Task::still("a client that leaves is not waited for", leaves),
        Task::new("a silent client is waited for so long and no longer", silent),
    ],
};

/// Longer than any of these tasks.
const LONG: Duration = Duration::from_secs(60);

/// What the server's side waits for, with a client that does this.
fn wait_for(
    patience: Duration,
    client: impl AsyncFnOnce(TcpStream) -> Option<TcpStream>,
) -> Result<Waited, Fault> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let (mut server, _) = listener.accept().await?;
        let _client = client(stream).await;
        match timeout(PATIENCE, first_line(&mut server, patience)).await {
            Ok(waited) => Ok(waited?),
            Err(_) => Err(Fault::Wrong(format!("it was to wait {patience:?}, and waits still"))),
        }
    })
}

fn comes() -> Outcome {
    let waited = wait_for(LONG, async |mut client: TcpStream| {
        client.write_all(b"hello\nmore\n").await.ok()?;
        Some(client)
    })?;
    right!("what it waited for", waited, Waited::Line("hello".to_owned()));
    Ok(())
}

fn leaves() -> Outcome {
    right!("of a client that left", wait_for(LONG, async |_| None)?, Waited::End);
    Ok(())
}

fn silent() -> Outcome {
    let waited = wait_for(Duration::from_millis(50), async |client| Some(client))?;
    right!("of a silent client", waited, Waited::TooLong);
    Ok(())
}
