use crate::answers::thread::bare::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::bare::{self, Run, becomes, with_server};
use crate::tasks::facts;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "thread/bare",
    kind: Kind::Piece,
    about: "it serves its clients one after the other",
    hints: [
        "`thread::spawn` takes a closure that owns what it uses.",
        "`move`, in front of the closure, makes it the owner of the stream. Nobody joins the thread.",
    ],
    tasks: &[
        Task::still("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("three clients are served at the same time", || bare::serves_three_at_once(RUN)),
        Task::new("each of them by a thread of its own, which ends with it", a_thread_each),
        Task::new("it sleeps while nobody says a word", || bare::sleeps(RUN)),
    ],
};

const RUN: Run = |listener| run(&listener);

fn a_thread_each() -> Outcome {
    with_server(RUN, |server| {
        let clients = server.clients(3)?;
        becomes("threads, with three clients", 4, || facts::threads(server.pid))?;
        drop(clients);
        becomes("threads, when they have left", 1, || facts::threads(server.pid))?;
        server.clients(1).map(drop)
    })
}
