use std::net::{SocketAddr, TcpStream};

use crate::answers::prefork::address::listen;
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, holds, right};
use crate::tasks::bare::becomes;

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "prefork/address",
    kind: Kind::Line,
    about: "only the first worker gets the address",
    hints: [
        "Two listeners may have one address if both say so: `socket(7)`, SO_REUSEPORT.",
        "The option is set before the address is bound; the type `Socket` has a method for it.",
    ],
    tasks: &[
        Task::still("a client finds the listener", found),
        Task::new("two listeners have one address", two),
        Task::new("each of them gets clients", both_get_clients),
    ],
};

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn found() -> Outcome {
    let listener = listen(any_port())?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    right!("the client that was accepted", listener.accept()?.1, client.local_addr()?);
    Ok(())
}

fn two() -> Outcome {
    let first = listen(any_port())?;
    let second = listen(first.local_addr()?)
        .map_err(|error| Fault::Wrong(format!("the second listener: {error}")))?;
    right!("the second listener's address", second.local_addr()?, first.local_addr()?);
    Ok(())
}

fn both_get_clients() -> Outcome {
    if cfg!(not(target_os = "linux")) {
        return Err(Fault::NotHere("only Linux spreads the clients over the listeners"));
    }
    let first = listen(any_port())?;
    let second = listen(first.local_addr()?)?;
    let connect = |_| TcpStream::connect(first.local_addr()?);
    let clients = (0..40).map(connect).collect::<Result<Vec<_>, _>>()?;
    for listener in [&first, &second] {
        listener.set_nonblocking(true)?;
    }
    let mut shares = [0, 0];
    // A client is connected a moment before it can be accepted.
    becomes("clients that were accepted", clients.len(), || {
        for (listener, share) in [&first, &second].into_iter().zip(&mut shares) {
            *share += std::iter::from_fn(|| listener.accept().ok()).count();
        }
        Ok(shares.iter().sum())
    })?;
    holds!(!shares.contains(&0), "one of the two listeners got none of 40 clients");
    Ok(())
}
