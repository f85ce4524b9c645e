use std::cell::Cell;
use std::io;
use std::net::TcpListener;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::answers::event::loops::run;
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task};
use crate::tasks::bare::{self, Server, with_server};
use crate::tasks::client::{Client, PATIENCE};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "event/loops",
    kind: Kind::Piece,
    about: "one loop sleeps on while clients wait in its inbox, and the other loops do not exist",
    hints: [
        "A loop sleeps in `poll`, and a channel does not end that: `hand` has to wake it. The event that \
         comes of it says that there is something in the inbox, and not how much.",
        "`take` registers everybody that `handed.try_iter()` gives, as `event/bare` does with those who are \
         accepted. In `run`, `zip` the clients with `loops.iter().cycle()`.",
    ],
    tasks: &[
        Task::new("a loop that sleeps learns of its client", || bare::echoes(serve)),
        Task::new("Bye closes the connection", || bare::closes_at_bye(serve)),
        Task::new("the loops get the clients in turn", in_turn),
        Task::new("a client that computes holds up no other loop", holds_up_no_other),
        Task::new("all who were handed over meanwhile are served", serves_all),
        Task::new("the loops sleep while nobody says a word", || bare::sleeps(serve)),
        Task::new("a client that leaves is forgotten", || bare::forgets_who_left(serve)),
    ],
};

/// Two loops.
fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, 2, answer)
}

/// Whether somebody has said `go`, to any loop.
static HAS_GONE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Answers a message with itself, but for three.
fn answer(message: &[u8]) -> Vec<u8> {
    match message {
        b"how many?\n" => return format!("{}\n", asked_here()).into(),
        b"compute\n" => wait_for_go(),
        b"go\n" => {
            *HAS_GONE.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            HAS_GONE.1.notify_all();
        }
        _ => {}
    }
    message.to_vec()
}

/// How many times this thread's clients have asked.
fn asked_here() -> usize {
    thread_local! { static ASKED: Cell<usize> = const { Cell::new(0) } }
    ASKED.set(ASKED.get() + 1);
    ASKED.get()
}

/// Keeps a loop busy until another one is told.
fn wait_for_go() {
    let gone = HAS_GONE.0.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = HAS_GONE.1.wait_timeout_while(gone, 2 * PATIENCE, |has_gone| !*has_gone);
}

/// Each of four asks its loop how many have asked it, and all stay.
fn in_turn() -> Outcome {
    with_server(serve, |server| {
        let mut clients: Vec<Client> = Vec::new();
        for (number, right) in [(1, "1\n"), (2, "1\n"), (3, "2\n"), (4, "2\n")] {
            let mut client = server.connect()?;
            client.send("how many?\n")?;
            let answered = client.receive(right);
            let said = "how many of the clients asked its loop, of two loops";
            answered.map_err(|fault| told(&format!("client {number} was told {said}"), fault))?;
            clients.push(client);
        }
        Ok(())
    })
}

fn told(what: &str, fault: Fault) -> Fault {
    match fault {
        Fault::Wrong(why) => Fault::Wrong(format!("{what}: {why}")),
        not_here @ Fault::NotHere(_) => not_here,
    }
}

/// A client whose loop computes, and the client of the other loop, which can end that.
fn one_computes(server: &Server) -> Result<[Client; 2], Fault> {
    let mut clients = [server.connect()?, server.connect()?];
    for client in &mut clients {
        client.exchange("hello\n")?;
    }
    clients[0].send("compute\n")?;
    Ok(clients)
}

fn holds_up_no_other() -> Outcome {
    with_server(serve, |server| {
        let [mut computes, mut other] = one_computes(server)?;
        computes.is_left_waiting("it was answered before it had computed")?;
        let went_on = other.exchange("go\n");
        went_on.map_err(|fault| told("while the first client's loop computes", fault))?;
        computes.receive("compute\n")
    })
}

fn serves_all() -> Outcome {
    with_server(serve, |server| {
        let [_computes, mut other] = one_computes(server)?;
        let mut later =
            [server.connect()?, server.connect()?, server.connect()?, server.connect()?];
        for client in &mut later {
            client.send("later\n")?;
        }
        // They alternate: the second and the fourth have been taken, so those before them are in the inbox.
        later[1].receive("later\n")?;
        later[3].receive("later\n")?;
        other.exchange("go\n")?;
        let came = "of clients that came while their loop computed";
        [0, 2].iter().try_for_each(|&it| later[it].receive("later\n")).map_err(|it| told(came, it))
    })
}
