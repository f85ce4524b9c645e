use crate::answers::prefork::bare::run;
use crate::exercise::{Exercise, Kind, Outcome, Task};
use crate::tasks::bare::{self, Run, becomes, with_server};
use crate::tasks::facts::{self, Children};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "prefork/bare",
    kind: Kind::Piece,
    about: "it serves its clients one after the other, and makes no workers",
    hints: [
        "Make the workers first: `fork` once for each. Each child accepts and serves for ever.",
        "The parent serves nobody: it waits for its children with `nix::sys::wait::wait`.",
    ],
    tasks: &[
        Task::still("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("the workers are there before the first client", made_before),
        Task::new("two are served at a time, and the third when one has left", || {
            bare::serves_two_and_then_the_third(RUN)
        }),
    ],
};

const RUN: Run = |listener| run(&listener, 2);

fn made_before() -> Outcome {
    with_server(RUN, |server| {
        let two = Children { living: 2, dead: 0 };
        becomes("children, without a client", two, || facts::children(server.pid))
    })
}
