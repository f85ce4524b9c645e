use crate::answers::iterative::bare::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::bare::{self, Run, with_server};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "iterative/bare",
    kind: Kind::Piece,
    about: "it serves one client, with one message",
    hints: [
        "Two loops: one over the clients, and inside it one over what a client sends.",
        "The inner loop ends when a read returns no bytes, or `Bye\\n`. (Whoever reads lines with a `BufReader` \
         also finds a `Bye` that comes together with other lines.)",
    ],
    tasks: &[
        Task::new("a client is answered for each message", || bare::echoes(RUN)),
        Task::new("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("the second client is served when the first has left", in_turn),
        Task::new("also when it leaves without Bye", without_a_word),
    ],
};

const RUN: Run = |listener| run(&listener);

fn in_turn() -> Outcome {
    with_server(RUN, |server| {
        let mut first = server.clients(1)?.remove(0);
        let mut second = server.connect()?;
        second.send("second\n")?;
        second.is_left_waiting("the second client was served while the first was connected")?;
        first.exchange("still here\n")?;
        first.leave()?;
        second.receive("second\n")
    })
}

fn without_a_word() -> Outcome {
    with_server(RUN, |server| {
        let silent = server.connect()?;
        drop(silent);
        drop(server.clients(1)?);
        server.clients(1).map(drop)
    })
}
