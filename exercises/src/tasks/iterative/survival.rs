use std::io::{self, ErrorKind};

use crate::answers::iterative::survival::{Served, serve_each};
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "iterative/survival",
    kind: Kind::Bug,
    about: "the failure of one client ends the server",
    hints: [
        "Both `?` in the loop end the function. Which failures should end it, and which a client?",
        "`match client`, with three arms: a client; an error whose kind is a client's; any other.",
    ],
    tasks: &[
        Task::still("good clients are served in their order", good_clients),
        Task::still("a listener beyond help ends the server", beyond_help),
        Task::new("a client that fails ends its own connection only", one_fails),
        Task::new("so does one that leaves before it is accepted, and a signal", nobody_to_serve),
    ],
};

/// Serves clients that are numbers: odd ones fail, in a way that would be the server's end if the listener
/// had failed so.
fn serve(clients: Vec<Result<u32, ErrorKind>>) -> (Result<Served, ErrorKind>, Vec<u32>) {
    let mut seen = Vec::new();
    let accepted = clients.into_iter().map(|client| client.map_err(io::Error::from));
    let served = serve_each(accepted, |client| {
        seen.push(client);
        if client % 2 == 0 { Ok(()) } else { Err(ErrorKind::InvalidInput.into()) }
    });
    (served.map_err(|error| error.kind()), seen)
}

fn good_clients() -> Outcome {
    let (served, seen) = serve(vec![Ok(2), Ok(4), Ok(6)]);
    right!("three good clients", served, Ok(Served { well: 3, failed: 0 }));
    right!("the clients that were served", seen, [2, 4, 6]);
    Ok(())
}

fn beyond_help() -> Outcome {
    let (served, seen) = serve(vec![Ok(2), Err(ErrorKind::InvalidInput), Ok(4)]);
    right!("a listener that is none", served, Err(ErrorKind::InvalidInput));
    right!("the clients that were served before", seen, [2]);
    Ok(())
}

fn one_fails() -> Outcome {
    let (served, seen) = serve(vec![Ok(2), Ok(3), Ok(4)]);
    right!("the second of three fails", served, Ok(Served { well: 2, failed: 1 }));
    right!("the clients that were served", seen, [2, 3, 4]);
    Ok(())
}

fn nobody_to_serve() -> Outcome {
    let (served, seen) = serve(vec![Err(ErrorKind::ConnectionAborted), Ok(2)]);
    right!("the first of two has gone", served, Ok(Served { well: 1, failed: 1 }));
    right!("the clients that were served", seen, [2]);
    let (served, seen) = serve(vec![Err(ErrorKind::Interrupted), Ok(2)]);
    right!("a signal came first", served, Ok(Served { well: 1, failed: 1 }));
    right!("the clients that were served", seen, [2]);
    Ok(())
}
