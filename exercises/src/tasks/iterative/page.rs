use crate::answers::iterative::page::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::page::{self, Run, Server};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "iterative/page",
    kind: Kind::Piece,
    about: "it serves one client, with one message",
    hints: [
        "Two loops: one over the clients, and inside it one over what a client sends.",
        "The inner loop ends when a read returns no bytes, or bytes that end with `Bye\\n`.",
    ],
    tasks: &[
        Task::new("a client is answered for each message", || page::echoes(RUN)),
        Task::still("Bye closes the connection", || page::closes_at_bye(RUN)),
        Task::new("the second client is served when the first has left", in_turn),
    ],
};

const RUN: Run = |listener| run(&listener);

fn in_turn() -> Outcome {
    let server = Server::start(RUN)?;
    let mut first = server.clients(1)?.remove(0);
    let mut second = server.connect()?;
    second.send("second\n")?;
    second.is_left_waiting("the second client was served while the first was connected")?;
    first.exchange("still here\n")?;
    first.leave()?;
    second.receive("second\n")
}
