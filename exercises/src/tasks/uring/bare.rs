use io_uring::IoUring;

use crate::answers::uring::bare::run;
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, right};
use crate::tasks::bare::{self, Run, with_server};
use crate::tasks::facts;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "uring/bare",
    kind: Kind::Piece,
    about: "it looks at no completion",
    hints: [
        "Behind each completion the next operation is handed over: behind ACCEPT the first `receive` of the \
         new client, and another `accept`; behind a client's, what its `go_on` returns.",
        "`go_on`: after a send that took everything, `receive`; after a receive of some bytes, `send` them, \
         unless they end with `Bye\\n`. In all other cases nothing follows, and the loop removes the client.",
    ],
    tasks: &[
        Task::new("a client is answered for each message", || here(bare::echoes)),
        Task::new("Bye closes the connection", || here(bare::closes_at_bye)),
        Task::new("three clients are served at the same time", || here(bare::serves_three_at_once)),
        Task::new("by one thread, which has a ring", || {
            here(bare::serves_three_with_one_thread)?;
            here(has_ring)
        }),
        Task::new("it sleeps while nobody says a word", || here(bare::sleeps)),
        Task::new("a client that leaves is forgotten", || here(bare::forgets_who_left)),
    ],
};

const RUN: Run = |listener| run(&listener);

/// Tries it where the kernel grants a ring.
fn here(task: fn(Run) -> Outcome) -> Outcome {
    match IoUring::new(1) {
        Ok(_) => task(RUN),
        Err(_) => Err(Fault::NotHere("the kernel grants no ring: see `lab doctor`")),
    }
}

fn has_ring(run: Run) -> Outcome {
    with_server(run, |server| {
        let _client = server.clients(1)?;
        right!("has a ring", facts::has_ring(server.pid)?, true);
        Ok(())
    })
}
