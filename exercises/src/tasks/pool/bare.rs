use crate::answers::pool::bare::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::bare::{self, Run, becomes, with_server};
use crate::tasks::facts;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "pool/bare",
    kind: Kind::Piece,
    about: "it serves its clients one after the other, and makes no workers",
    hints: [
        "A queue of streams: `channel::unbounded`. Its receiving end can be cloned for each worker.",
        "A worker is a thread that serves each stream of `waiting.iter()`. The first thread accepts, and \
         sends what it accepted into the queue.",
    ],
    tasks: &[
        Task::still("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("the workers are there before the first client", made_before),
        Task::new("two are served at a time, and the third when one has left", || {
            bare::serves_two_and_then_the_third(RUN)
        }),
        Task::new("the third waits in the queue, and no more threads are made", in_the_queue),
        Task::new("they sleep while nobody says a word", || bare::sleeps(RUN)),
    ],
};

const RUN: Run = |listener| run(&listener, 2);

fn made_before() -> Outcome {
    with_server(RUN, |server| {
        becomes("threads, without a client", 3, || facts::threads(server.pid))
    })
}

fn in_the_queue() -> Outcome {
    with_server(RUN, |server| {
        let _served = server.clients(2)?;
        let with_two = facts::descriptors(server.pid)?;
        let mut third = server.connect()?;
        third.send("third\n")?;
        third.is_left_waiting("two workers served three clients at a time")?;
        let descriptors = || facts::descriptors(server.pid);
        becomes("descriptors, with a third client", with_two + 1, descriptors)?;
        becomes("threads, with three clients", 3, || facts::threads(server.pid))
    })
}
