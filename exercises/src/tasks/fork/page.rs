use crate::answers::fork::page::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::facts;
use crate::tasks::page::{self, Run, Server, becomes};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "fork/page",
    kind: Kind::Piece,
    about: "it serves its clients one after the other",
    hints: [
        "After each `accept`: `fork`. The child serves the client and ends; the parent goes on.",
        "The parent's copy of the stream closes by itself at the end of the loop's body. Behind the \
         fork, a loop over `waitpid` with `WNOHANG` collects the children that have ended.",
    ],
    tasks: &[
        Task::still("Bye closes the connection", || page::closes_at_bye(RUN)),
        Task::new("three clients are served at the same time", || page::serves_three_at_once(RUN)),
        Task::new("each of them by a process of its own", a_process_each),
        Task::new("children that have ended are reaped when a client comes", reaped),
    ],
};

const RUN: Run = |listener| run(&listener);

fn a_process_each() -> Outcome {
    let server = Server::start(RUN)?;
    let _clients = server.clients(3)?;
    becomes("living and dead children, with three clients", (3, 0), || facts::children(server.pid))
}

fn reaped() -> Outcome {
    let server = Server::start(RUN)?;
    let clients = server.clients(3)?;
    clients.into_iter().try_for_each(|client| client.leave())?;
    becomes("living children, with no client", 0, || Ok(facts::children(server.pid)?.0))?;
    let _next = server.clients(1)?;
    becomes("living and dead children, with one client", (1, 0), || facts::children(server.pid))
}
