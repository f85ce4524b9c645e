//! A page that serves in a process of its own, and what the pages of several models have to do.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::{ForkResult, fork};

use super::client::{Client, PATIENCE};
use super::facts;
use crate::exercise::{Fault, Outcome, holds};

/// What a page is: given a listener, it serves.
pub(super) type Run = fn(TcpListener) -> io::Result<()>;

/// A page that serves.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) pid: i32,
}

impl Server {
    /// Starts it in a child of this process, which ends together with the attempt.
    #[allow(unsafe_code)]
    pub(super) fn start(run: Run) -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        // SAFETY: this process has one thread, so the child may run any code.
        match unsafe { fork() }? {
            ForkResult::Child => {
                match run(listener) {
                    Ok(()) => eprintln!("the page's run has returned"),
                    Err(error) => eprintln!("the page has ended: {error}"),
                }
                process::exit(1)
            }
            ForkResult::Parent { child } => Ok(Server { address, pid: child.as_raw() }),
        }
    }

    pub(super) fn connect(&self) -> Result<Client, Fault> {
        Client::connect(self.address)
    }

    /// So many clients that are connected, each of which has had an answer.
    pub(super) fn clients(&self, count: usize) -> Result<Vec<Client>, Fault> {
        let mut clients = Vec::new();
        for number in 1..=count {
            let mut client = self.connect()?;
            let answered = client.exchange(&format!("client {number}\n"));
            answered.map_err(|fault| beside(number - 1, fault))?;
            clients.push(client);
        }
        Ok(clients)
    }
}

/// Says how many others were connected, where there were any.
fn beside(others: usize, fault: Fault) -> Fault {
    match (others, fault) {
        (1, Fault::Wrong(why)) => Fault::Wrong(format!("while one other is connected, {why}")),
        (2.., Fault::Wrong(why)) => {
            Fault::Wrong(format!("while {others} others are connected, {why}"))
        }
        (_, fault) => fault,
    }
}

/// Waits until a figure is what it should be.
pub(super) fn becomes<T: PartialEq + std::fmt::Debug>(
    what: &str,
    right: T,
    figure: impl Fn() -> Result<T, Fault>,
) -> Outcome {
    let end = Instant::now() + PATIENCE;
    loop {
        let yours = figure()?;
        if yours == right {
            return Ok(());
        }
        holds!(Instant::now() < end, format!("{what}: yours {yours:?}, right {right:?}"));
        thread::sleep(Duration::from_millis(10));
    }
}

/// A client is answered for each message.
pub(super) fn echoes(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let mut client = server.connect()?;
    ["hello\n", "and again\n"].iter().try_for_each(|text| client.exchange(text))
}

/// `Bye` closes the connection.
pub(super) fn closes_at_bye(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.leave()
}

/// Three clients are served although none of them has left.
pub(super) fn serves_three_at_once(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let mut clients = server.clients(3)?;
    clients.iter_mut().rev().try_for_each(|client| client.exchange("and once more\n"))
}

/// Two clients are served at a time, and the third when one of them has left.
pub(super) fn serves_two_and_then_the_third(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let mut served = server.clients(2)?;
    let mut third = server.connect()?;
    third.send("third\n")?;
    third.is_left_waiting("two workers served three clients at a time")?;
    served.remove(0).leave()?;
    third.receive("third\n")
}

/// One thread serves them all, and sleeps while nobody says a word.
pub(super) fn serves_three_with_one_thread(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let _clients = server.clients(3)?;
    becomes("threads, with three clients", 1, || facts::threads(server.pid))?;
    becomes("children, with three clients", (0, 0), || facts::children(server.pid))
}

/// It uses no CPU while its clients are silent.
pub(super) fn sleeps(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let _clients = server.clients(2)?;
    let before = facts::cpu_time(server.pid)?;
    thread::sleep(Duration::from_millis(500));
    let used = facts::cpu_time(server.pid)? - before;
    let seen = format!("it used {used:?} of CPU time in 500 ms, while two clients were silent");
    holds!(used < Duration::from_millis(100), seen);
    Ok(())
}

/// Who has left costs nothing any more.
pub(super) fn forgets_who_left(run: Run) -> Outcome {
    let server = Server::start(run)?;
    let first = server.clients(1)?;
    let with_one = facts::descriptors(server.pid)?;
    let others = server.clients(5)?;
    drop(others);
    becomes("descriptors, with one client left", with_one, || facts::descriptors(server.pid))?;
    drop(first);
    Ok(())
}
