use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::answers::r#async::patience::{Waited, first_line};
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, right};

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
        Task::still("so long a client may take", late),
        Task::new("a silent client is waited for so long and no longer", silent),
        Task::new("neither is one that says a little again and again", dribbles),
    ],
};

/// Longer than any of these tasks.
const LONG: Duration = Duration::from_secs(60);

/// More than a moment, on a busy machine too.
const SHORT: Duration = Duration::from_millis(50);

/// After how long a task gives up.
const LIMIT: Duration = Duration::from_secs(2);

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
        match timeout(LIMIT, first_line(&mut server, patience)).await {
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
    let waited = wait_for(SHORT, async |client| Some(client))?;
    right!("of a silent client", waited, Waited::TooLong);
    Ok(())
}

fn late() -> Outcome {
    let waited = wait_for(LONG, async |mut client: TcpStream| {
        tokio::spawn(async move {
            sleep(LIMIT / 2).await;
            client.write_all(b"hello\n").await
        });
        None
    })?;
    right!("of a client that takes a second", waited, Waited::Line("hello".to_owned()));
    Ok(())
}

fn dribbles() -> Outcome {
    let waited = wait_for(4 * SHORT, async |mut client: TcpStream| {
        tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                sleep(SHORT).await;
            }
        });
        None
    })?;
    right!("of a client that sends a byte now and then", waited, Waited::TooLong);
    Ok(())
}
