use crate::answers::fork::bare::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::bare::{self, Run, becomes, with_server};
use crate::tasks::facts::{self, Children};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "fork/bare",
    kind: Kind::Piece,
    about: "it serves its clients one after the other",
    hints: [
        "After each `accept`: `fork`. The child serves the client and ends; the parent goes on.",
        "The parent's copy of the stream closes by itself at the end of the loop's body. Behind the \
         fork, a loop over `waitpid` with `WNOHANG` collects those that have ended, until it says \
         `StillAlive` or an error.",
    ],
    tasks: &[
        Task::still("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("three clients are served at the same time", || bare::serves_three_at_once(RUN)),
        Task::new("each of them by a process of its own", a_process_each),
        Task::new("which ends with it", ends_with_it),
        Task::new("children that have ended are reaped when a client comes", reaped),
    ],
};

const RUN: Run = |listener| run(&listener);

fn a_process_each() -> Outcome {
    with_server(RUN, |server| {
        let _clients = server.clients(3)?;
        let three = Children { living: 3, dead: 0 };
        becomes("children, with three clients", three, || facts::children(server.pid))
    })
}

fn ends_with_it() -> Outcome {
    with_server(RUN, |server| {
        let clients = server.clients(3)?;
        clients.into_iter().try_for_each(|client| client.leave())?;
        becomes("living children, with no client", 0, || Ok(facts::children(server.pid)?.living))
    })
}

fn reaped() -> Outcome {
    with_server(RUN, |server| {
        let clients = server.clients(3)?;
        clients.into_iter().try_for_each(|client| client.leave())?;
        becomes("living children, with no client", 0, || Ok(facts::children(server.pid)?.living))?;
        let _next = server.clients(1)?;
        let one = Children { living: 1, dead: 0 };
        becomes("children, with one client", one, || facts::children(server.pid))
    })
}
