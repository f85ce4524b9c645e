use crate::answers::thread::page::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::facts;
use crate::tasks::page::{self, Run, becomes, with_server};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "thread/page",
    kind: Kind::Piece,
    about: "it serves its clients one after the other",
    hints: [
        "`thread::spawn` takes a closure that owns what it uses.",
        "`move`, in front of the closure, makes it the owner of the stream. Nobody joins the thread.",
    ],
    tasks: &[
        Task::still("Bye closes the connection", || page::closes_at_bye(RUN)),
        Task::new("three clients are served at the same time", || page::serves_three_at_once(RUN)),
        Task::new("each of them by a thread of its own, which ends with it", a_thread_each),
        Task::new("it sleeps while nobody says a word", || page::sleeps(RUN)),
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
