use std::io;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::answers::r#async::bare::run;
use crate::exercise::{Exercise, Kind, Task};
use crate::tasks::bare::{self, Run};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "async/bare",
    kind: Kind::Piece,
    about: "it serves its clients one after the other, and each for one message",
    hints: [
        "`tokio::spawn` starts a task, and does not wait for it. In which line should it stand?",
        "`echo` needs a loop, which ends when a read returns no bytes, or bytes that end with `Bye\\n`.",
    ],
    tasks: &[
        Task::new("a client is answered for each message", || bare::echoes(RUN)),
        Task::new("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("three clients are served at the same time", || bare::serves_three_at_once(RUN)),
        Task::new("by one thread", || bare::serves_three_with_one_thread(RUN)),
        Task::new("it sleeps while nobody says a word", || bare::sleeps(RUN)),
        Task::new("a client that leaves is forgotten", || bare::forgets_who_left(RUN)),
    ],
};

/// On a runtime with one thread.
const RUN: Run = |listener| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let listener: io::Result<TcpListener> = TcpListener::from_std(listener);
        run(&listener?).await
    })
};
