//! A bare server in a process of its own, and what the bare servers of several models have to do.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::panic;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, fork, getpid};

use super::client::{Client, PATIENCE};
use super::facts::{self, Children};
use crate::attempt;
use crate::exercise::{Fault, Outcome, holds};

/// What a bare server is: given a listener, it serves.
pub(super) type Run = fn(TcpListener) -> io::Result<()>;

/// A bare server that serves.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) pid: i32,
    /// Where it says that it has panicked, or that its `run` has come back, and how.
    said: UnixStream,
}

/// Tries a task with a bare server in a child of this process, which ends together with the attempt.
pub(super) fn with_server(run: Run, task: impl FnOnce(&Server) -> Outcome) -> Outcome {
    let server = Server::start(run)?;
    let outcome = task(&server);
    match (outcome, server.last_words()) {
        (outcome, None) => outcome,
        (Err(Fault::Wrong(why)), Some(said)) => Err(Fault::Wrong(format!("{why}: {said}"))),
        (_, Some(said)) => Err(Fault::Wrong(said)),
    }
}

/// The child: serves, and says of a panic or of its end what came of it, before it closes anything.
fn serve(run: Run, listener: TcpListener, say: UnixStream) -> ! {
    let (server, say) = (getpid(), Arc::new(say));
    let say_panic = Arc::clone(&say);
    panic::set_hook(Box::new(move |panic| {
        let _ = (&*say_panic).write_all((attempt::told(panic) + "\n").as_bytes());
    }));
    let came = match panic::catch_unwind(|| run(listener)) {
        Ok(Ok(())) => "returned".to_owned(),
        Ok(Err(error)) => format!("returned the error {error}"),
        Err(_) => "panicked".to_owned(),
    };
    let who = if getpid() == server { "run" } else { "a child came back, and run" };
    let _ = (&*say).write_all(format!("{who} has {came}\n").as_bytes());
    process::exit(1)
}

impl Server {
    #[allow(unsafe_code)]
    fn start(run: Run) -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (said, say) = UnixStream::pair()?;
        said.set_nonblocking(true)?;
        // SAFETY: this process has one thread, so the child may run any code.
        match unsafe { fork() }? {
            ForkResult::Child => serve(run, listener, say),
            ForkResult::Parent { child } => Ok(Server { address, pid: child.as_raw(), said }),
        }
    }

    /// The first line that it has said, if it has said any.
    fn last_words(&self) -> Option<String> {
        BufReader::new(&self.said).lines().next()?.ok()
    }

    pub(super) fn connect(&self) -> Result<Client, Fault> {
        Client::connect(self.address)
    }

    /// Connected clients, as many as asked for, each of which has had two answers.
    pub(super) fn clients(&self, count: usize) -> Result<Vec<Client>, Fault> {
        let mut clients = Vec::new();
        for number in 1..=count {
            let mut client = self.connect()?;
            let messages = [format!("client {number}\n"), format!("client {number} again\n")];
            let answered = messages.iter().try_for_each(|text| client.exchange(text));
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
    mut figure: impl FnMut() -> Result<T, Fault>,
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

/// A client is answered for each message, also where one only looks like `Bye`.
pub(super) fn echoes(run: Run) -> Outcome {
    with_server(run, |server| {
        let mut client = server.connect()?;
        ["hello\n", "Bye bye\n", "and again\n"].iter().try_for_each(|text| client.exchange(text))
    })
}

/// `Bye` closes the connection, and has no answer.
pub(super) fn closes_at_bye(run: Run) -> Outcome {
    with_server(run, |server| server.clients(1)?.remove(0).leave())
}

/// Three clients are served although none of them has left.
pub(super) fn serves_three_at_once(run: Run) -> Outcome {
    with_server(run, |server| {
        let mut clients = server.clients(3)?;
        clients.iter_mut().rev().try_for_each(|client| client.exchange("and once more\n"))
    })
}

/// Two clients are served at a time, and the third when one of them has left.
pub(super) fn serves_two_and_then_the_third(run: Run) -> Outcome {
    with_server(run, |server| {
        let mut served = server.clients(2)?;
        let mut third = server.connect()?;
        third.send("third\n")?;
        third.is_left_waiting("two workers served three clients at a time")?;
        served.remove(0).leave()?;
        third.receive("third\n")
    })
}

/// One thread serves three clients.
pub(super) fn serves_three_with_one_thread(run: Run) -> Outcome {
    with_server(run, |server| {
        let _clients = server.clients(3)?;
        becomes("threads, with three clients", 1, || facts::threads(server.pid))?;
        let none = Children { living: 0, dead: 0 };
        becomes("children, with three clients", none, || facts::children(server.pid))
    })
}

/// It uses no CPU time while its clients are silent.
pub(super) fn sleeps(run: Run) -> Outcome {
    with_server(run, |server| {
        let _clients = server.clients(2)?;
        let before = facts::cpu_time(server.pid)?;
        thread::sleep(Duration::from_millis(500));
        let used = facts::cpu_time(server.pid)? - before;
        let seen = format!("it used {used:?} of CPU time in 500 ms, and its clients were silent");
        holds!(used < Duration::from_millis(150), seen);
        Ok(())
    })
}

/// Who has left, without a word, costs nothing any more.
pub(super) fn forgets_who_left(run: Run) -> Outcome {
    with_server(run, |server| {
        let mut first = server.clients(1)?;
        let with_one = facts::descriptors(server.pid)?;
        drop(server.clients(5)?);
        becomes("descriptors, with one client left", with_one, || facts::descriptors(server.pid))?;
        first[0].exchange("still here\n")
    })
}

/// Clients that come while it is busy, and say more than fits into one read, are all served.
pub(super) fn serves_those_who_came_together(run: Run) -> Outcome {
    with_server(run, |server| {
        let _first = server.clients(1)?;
        let pid = Pid::from_raw(server.pid);
        kill(pid, Signal::SIGSTOP)?;
        let long = "x".repeat(9_999) + "\n";
        let mut clients = [server.connect()?, server.connect()?, server.connect()?];
        let sent = clients.iter_mut().try_for_each(|client| client.send(&long));
        kill(pid, Signal::SIGCONT)?;
        sent?;
        for (number, client) in (1..).zip(&mut clients) {
            client.receive(&long).map_err(|_| {
                let what = "of three clients that came together with 10,000 bytes each,";
                Fault::Wrong(format!("{what} number {number} was not sent all of them"))
            })?;
        }
        Ok(())
    })
}
