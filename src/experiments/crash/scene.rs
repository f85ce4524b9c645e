//! One scene: a server, a victim at its keyboard, three other clients, and a death.

use std::fmt;
use std::io::{self, BufReader, PipeReader, PipeWriter, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use client::chat::{Call, End, blocking, watching};
use client::conversation::{Conversation, NoConnection};
use client::failure::Failure;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::Framing;
use server_core::Unit;
use server_process::ServerProcess;

use crate::measure::lab::Lab;
use crate::models::Contestant;

/// How many clients there are beside the victim.
const OTHERS: usize = 3;

/// How many connections there are at a time.
pub(super) const CLIENTS: usize = 2 + OTHERS;

/// How long anybody waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the server's side of a connection dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The handler panics.
    HandlerPanics,
    /// The process that the handler runs in aborts itself.
    ProcessAborts,
    /// The process that the handler runs in is killed from outside.
    ProcessIsKilled,
}

/// What a client noticed, and when.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// What told it of the end: `end of file`, `reset`, `EPIPE`, or one after the other.
    pub what: String,
    /// How long after the death, in milliseconds.
    pub after_milliseconds: f64,
    /// Whether it was a `write` that told it, and not a `read` after one that succeeded.
    pub by_write: bool,
}

/// Who sits at the victim's keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// `client chat`.
    Watching,
    /// `client chat --blocking`.
    Blocking,
}

/// What was seen in one scene.
pub(super) struct Seen {
    pub(super) noticed: Noticed,
    pub(super) others: usize,
    pub(super) cut: usize,
    pub(super) serves_new_clients: bool,
}

impl Death {
    /// All of them, from the mildest on.
    pub const ALL: [Death; 3] =
        [Death::HandlerPanics, Death::ProcessAborts, Death::ProcessIsKilled];

    /// Whether a server can die so. A bare server takes no message that crashes it.
    pub(super) fn can_befall(self, contestant: &Contestant) -> bool {
        self == Death::ProcessIsKilled || !contestant.bare
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Death::HandlerPanics => "handler panics",
            Death::ProcessAborts => "process aborts",
            Death::ProcessIsKilled => "process killed",
        })
    }
}

impl Victim {
    pub(super) const BOTH: [Victim; 2] = [Victim::Watching, Victim::Blocking];
}

/// Plays a scene. The victim comes first, so that a server that serves one client serves it.
pub(super) fn play(
    lab: &Lab,
    contestant: &Contestant,
    death: Death,
    victim: Victim,
    typed_after: Duration,
) -> anyhow::Result<Seen> {
    let server = start(lab, contestant)?;
    let stream = client::conversation::connect(server.address(), PATIENCE)?;
    let line_to_server = stream.try_clone()?;
    let (at_keyboard, mut keyboard) = sit_down(stream, victim)?;
    keyboard.write_all(b"hello\n")?;
    at_keyboard.answer()?;
    let handler = handler_process(&server, contestant)?;
    let others = (0..OTHERS).map(|_| open(&server)).collect::<Result<Vec<_>, _>>()?;
    let died = Instant::now();
    strike(death, handler, &line_to_server)?;
    if victim == Victim::Blocking {
        // On a busy machine a process does not die at once. What is typed before would be answered by a reset.
        wait_for_the_end(&line_to_server)?;
        thread::sleep(typed_after.saturating_sub(died.elapsed()));
        // The user goes on as if nothing had happened.
        keyboard.write_all(b"still there?\n")?;
    }
    let (end, when) = at_keyboard.end()?;
    let mut cut = 0;
    for other in others {
        cut += usize::from(!is_served(other)?);
    }
    Ok(Seen {
        noticed: noticed(&end, when - died),
        others: OTHERS,
        cut,
        serves_new_clients: serves_new_clients(&server)?,
    })
}

/// With room for all clients of the scene, also on a machine with one core, and without its log: it
/// would tell of its end, and the table does.
fn start(lab: &Lab, contestant: &Contestant) -> anyhow::Result<ServerProcess> {
    let mut contestant = contestant.clone().with_workers(8);
    if !contestant.bare {
        contestant.options.push("--allow-crash".to_owned());
    }
    Lab { warns: false, ..lab.clone() }.start(&contestant)
}

fn open(server: &ServerProcess) -> Result<Conversation, NoConnection> {
    Conversation::open(server.address(), Framing::Line, PATIENCE)
}

/// The process that serves the only client there is.
fn handler_process(server: &ServerProcess, contestant: &Contestant) -> anyhow::Result<Pid> {
    match contestant.model.unit {
        Unit::Process => serving_child(server.process()).context("cannot find the child process"),
        _ => Ok(server.process()),
    }
}

/// The one with a descriptor more than the others: its client's.
#[cfg(target_os = "linux")]
fn serving_child(parent: Pid) -> anyhow::Result<Pid> {
    let parent = procfs::process::Process::new(parent.as_raw())?;
    let children = parent.task_main_thread()?.children()?;
    let descriptors =
        |child: &u32| Some(std::fs::read_dir(format!("/proc/{child}/fd")).ok()?.count());
    let child = children.iter().max_by_key(|child| descriptors(child));
    Ok(Pid::from_raw(child.context("it has no child")?.cast_signed()))
}

#[cfg(not(target_os = "linux"))]
fn serving_child(_: Pid) -> anyhow::Result<Pid> {
    anyhow::bail!("only Linux tells, in /proc")
}

/// Lets the handler die: by a message on its own connection, or by a signal.
fn strike(death: Death, handler: Pid, mut line_to_server: &TcpStream) -> io::Result<()> {
    match death {
        Death::HandlerPanics => line_to_server.write_all(b"Panic\n"),
        Death::ProcessAborts => line_to_server.write_all(b"Abort\n"),
        Death::ProcessIsKilled => Ok(kill(handler, Signal::SIGKILL)?),
    }
}

/// Waits until the victim's kernel has been told that the server's side has ended. The victim has not: it reads
/// its keyboard.
fn wait_for_the_end(line_to_server: &TcpStream) -> anyhow::Result<()> {
    let mut descriptor = [PollFd::new(line_to_server.as_fd(), PollFlags::POLLIN)];
    let ended = poll(&mut descriptor, PollTimeout::try_from(PATIENCE)?)?;
    anyhow::ensure!(ended > 0, "the server's side did not end");
    Ok(())
}

/// Whether a client is answered, and not cut off.
fn is_served(mut client: Conversation) -> anyhow::Result<bool> {
    match client.exchange("are you there?") {
        Ok(_) => Ok(true),
        Err(wrong @ (Failure::TimedOut(_) | Failure::WrongEcho { .. })) => Err(wrong.into()),
        Err(_) => Ok(false),
    }
}

fn serves_new_clients(server: &ServerProcess) -> anyhow::Result<bool> {
    open(server).map_or(Ok(false), is_served)
}

fn noticed(end: &End, after: Duration) -> Noticed {
    let told_by = end.told_by.as_ref();
    let next_write = told_by.and_then(|told_by| told_by.next_write.as_ref());
    let what: Vec<&str> =
        [Some(&end.cause), next_write].into_iter().flatten().map(Failure::short).collect();
    Noticed {
        what: what.join(", "),
        after_milliseconds: after.as_secs_f64() * 1e3,
        by_write: told_by.is_some_and(|told_by| told_by.call == Call::Write),
    }
}

/// A client at its keyboard, in a thread of its own.
struct AtKeyboard {
    answers: Receiver<()>,
    end: Receiver<io::Result<(End, Instant)>>,
}

impl AtKeyboard {
    fn answer(&self) -> anyhow::Result<()> {
        self.answers.recv_timeout(PATIENCE).context("no answer came")
    }

    /// What told the client of the end, and when.
    fn end(&self) -> anyhow::Result<(End, Instant)> {
        let end = self.end.recv_timeout(PATIENCE).context("the client did not notice the end")?;
        Ok(end?)
    }
}

fn sit_down(stream: TcpStream, victim: Victim) -> io::Result<(AtKeyboard, PipeWriter)> {
    let (keys, keyboard) = io::pipe()?;
    let (answered, answers) = channel();
    let (ended, end) = channel();
    let chat = move || {
        let end = match victim {
            Victim::Watching => watch(&stream, &keys, answered),
            Victim::Blocking => block(&stream, &keys, answered),
        };
        // Fails where nobody waits for it any more.
        let _ = ended.send(end.map(|end| (end, Instant::now())));
    };
    thread::Builder::new().name("client".to_owned()).spawn(chat)?;
    Ok((AtKeyboard { answers, end }, keyboard))
}

fn watch(stream: &TcpStream, keys: &PipeReader, answered: Sender<()>) -> io::Result<End> {
    watching::chat(stream, keys.as_fd(), &mut Screen(answered), Framing::Line)
}

fn block(stream: &TcpStream, keys: &PipeReader, answered: Sender<()>) -> io::Result<End> {
    blocking::chat(stream, BufReader::new(keys), &mut Screen(answered), Framing::Line)
}

/// Tells of each answer that is printed.
struct Screen(Sender<()>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Fails where nobody waits for it any more.
        let _ = self.0.send(());
        Ok(())
    }
}
