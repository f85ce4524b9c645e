use crate::answers::event::bare::run;
use crate::exercise::{Exercise, Kind, Task};
use crate::tasks::bare::{self, Run};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "event/bare",
    kind: Kind::Piece,
    about: "it accepts clients and loses them at once, and never reads",
    hints: [
        "`accept` has to keep the stream: `vacant_entry` gives a place whose key is the token to register \
         with. In the loop, a token that is not the listener's is a client's key.",
        "`echo` reads until `WouldBlock`, which is `Ok`. The client's end and `Bye` are an error here: the \
         loop then removes the client, which closes it.",
    ],
    tasks: &[
        Task::new("a client is answered for each message", || bare::echoes(RUN)),
        Task::new("Bye closes the connection", || bare::closes_at_bye(RUN)),
        Task::new("three clients are served at the same time", || bare::serves_three_at_once(RUN)),
        Task::new("by one thread", || bare::serves_three_with_one_thread(RUN)),
        Task::new("also those who come together and send much", || {
            bare::serves_those_who_came_together(RUN)
        }),
        Task::new("it sleeps while nobody says a word", || bare::sleeps(RUN)),
        Task::new("a client that leaves is forgotten", || bare::forgets_who_left(RUN)),
    ],
};

const RUN: Run = run;
