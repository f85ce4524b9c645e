//! A server in a process of its own, which ends with the process that started it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
#[cfg(target_os = "linux")]
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
#[cfg(target_os = "linux")]
use nix::unistd::getppid;
use socket2::SockRef;

use crate::sockets;

/// How long a server may take to start, and how long to end: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to end before it is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// A running server, in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// What it prints, where it is asked what that is.
    output: Option<Output>,
    address: SocketAddr,
}

/// Lets the kernel kill the process that `command` starts when this one has ended, however it ends: a closed
/// terminal and a SIGKILL leave it no time to do so itself. The children of that process are its own concern.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn end_with_this_process(command: &mut Command) {
    let this = Pid::this();
    let ask = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // This process may have ended before it was asked for.
        if getppid() == this { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec it makes two system calls, prctl(2) and getppid(2), and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// Elsewhere the kernel does not do that.
#[cfg(not(target_os = "linux"))]
fn end_with_this_process(_: &mut Command) {}

/// The groups of all servers that run, for [`kill_all`].
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all servers of this process: for one that ends without their owners. No other server is
/// started after that: a thread that tries waits for the end.
pub fn kill_all() {
    let running = running();
    for group in running.iter() {
        // It fails only where no process is left.
        let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
    }
    std::mem::forget(running);
}

/// A server that was stopped.
#[derive(Debug)]
pub struct Stopped {
    /// How its process ended.
    pub status: ExitStatus,
    /// What it printed after its first line.
    pub output: String,
}

/// A command that runs `model` through the lab's hidden subcommand: `program` is the lab. The
/// server listens on a free port of 127.0.0.1 unless `arguments` say otherwise.
pub fn serve_command(
    program: impl AsRef<OsStr>,
    model: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", model]).args(arguments);
    if !command.get_args().any(|argument| argument == "--addr") {
        command.args(["--addr", "127.0.0.1:0"]);
    }
    command
}

impl ServerProcess {
    /// Starts a server and blocks until it says that it listens. The thread that starts it must outlive it: on
    /// Linux it is killed when that thread ends.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or says anything else first, or nothing for a minute.
    pub fn start(mut command: Command) -> io::Result<Self> {
        command.stdout(Stdio::piped());
        let mut server = ServerProcess::spawn(command)?;
        let pipe = server.child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let output = server.output.insert(Output { pipe, text: Vec::new() });
        let line = output.first_line()?;
        let address = line.strip_prefix("listening on ").and_then(|it| it.trim_end().parse().ok());
        server.address = address.ok_or_else(|| {
            io::Error::other(format!("the server did not say where it listens, but {line:?}"))
        })?;
        Ok(server)
    }

    /// Starts a server that does not say when it listens, and blocks until it accepts connections at this
    /// address, for `within` at most. One of them is spent on that. The thread that starts it must outlive it, as
    /// for [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends instead, or does not listen in time.
    pub fn start_at(command: Command, address: SocketAddr, within: Duration) -> io::Result<Self> {
        let mut server = ServerProcess::spawn(command)?;
        server.address = address;
        let end = Instant::now() + within;
        while !server.listens() {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            if Instant::now() > end {
                let within = humantime::format_duration(within);
                let late = format!("it did not listen at {address} within {within}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, late));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Whether it listens at its address: it, or another process of its group, and no other.
    fn listens(&self) -> bool {
        // A connection shows at once that one does. The table that says which one may be long.
        TcpStream::connect(self.address).is_ok_and(|probe| !is_to_itself(&probe))
            && sockets::is_group_listening(self.process(), self.address).unwrap_or(true)
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        adopt_orphans();
        command.stdin(Stdio::null()).process_group(0);
        end_with_this_process(&mut command);
        // No server runs that is not in the list.
        let mut running = running();
        let child = command.spawn()?;
        running.insert(child.id().cast_signed());
        Ok(ServerProcess { child, output: None, address: SocketAddr::from(([0; 4], 0)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, which leads its group.
    pub fn process(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// Those of `kill(2)`.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(self.process(), signal)?)
    }

    /// Sends a signal to it and to all its children, as the terminal does at Ctrl-C.
    ///
    /// # Errors
    ///
    /// Those of `killpg(2)`.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        Ok(killpg(self.process(), signal)?)
    }

    /// Lets it and its children stand still, and blocks until it does.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn pause(&self) -> io::Result<()> {
        self.signal_group(Signal::SIGSTOP)?;
        match waitpid(self.process(), Some(WaitPidFlag::WUNTRACED))? {
            WaitStatus::Stopped(..) => Ok(()),
            ended => Err(io::Error::other(format!("it did not stand still, but {ended:?}"))),
        }
    }

    /// Lets it and its children go on.
    ///
    /// # Errors
    ///
    /// Those of `killpg(2)`.
    pub fn resume(&self) -> io::Result<()> {
        self.signal_group(Signal::SIGCONT)
    }

    /// Asks it to shut down with SIGTERM, and blocks until it has.
    ///
    /// # Errors
    ///
    /// When it cannot be asked or waited for, or does not end with status 0 within a minute.
    pub fn stop(self) -> io::Result<Stopped> {
        self.signal(Signal::SIGTERM)?;
        let stopped = self.wait()?;
        match stopped.status.success() {
            true => Ok(stopped),
            false => Err(io::Error::other(format!("the server ended with {}", stopped.status))),
        }
    }

    /// Ends a server that knows no shutdown, and its children: by SIGTERM, and blocks until then.
    ///
    /// # Errors
    ///
    /// When it cannot be ended or waited for.
    pub fn terminate(self) -> io::Result<Stopped> {
        self.signal_group(Signal::SIGTERM)?;
        self.wait()
    }

    /// Ends a server that is not ours, and its children: by SIGTERM, and where it does not end of that by
    /// SIGKILL. Blocks until then.
    ///
    /// # Errors
    ///
    /// When it cannot be ended or waited for.
    pub fn end(mut self) -> io::Result<()> {
        self.signal_group(Signal::SIGTERM)?;
        self.wait_within(ENDS_WITHIN)?;
        Ok(())
    }

    /// Blocks until it has ended, and with it its children, which hold its output too.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for, or has not ended within a minute.
    pub fn wait(mut self) -> io::Result<Stopped> {
        let output = self.output.as_mut().map(Output::rest).transpose()?.unwrap_or_default();
        let status = self.wait_within(PATIENCE)?;
        let status = status.ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))?;
        self.reap_orphans();
        Ok(Stopped { status, output })
    }

    /// Blocks until it has ended, for `longest` at most; its children may go on.
    ///
    /// # Errors
    ///
    /// Those of `waitpid(2)`.
    pub fn wait_within(&mut self, longest: Duration) -> io::Result<Option<ExitStatus>> {
        let end = Instant::now() + longest;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
                ended => return Ok(ended),
            }
        }
    }

    /// Waits for children that outlived their parent, for a minute at most: the kernel charges a process's time to
    /// the one that waits for it.
    fn reap_orphans(&self) {
        let group = Pid::from_raw(-self.process().as_raw());
        let end = Instant::now() + PATIENCE;
        while let Ok(ended) = waitpid(group, Some(WaitPidFlag::WNOHANG)) {
            match ended {
                WaitStatus::StillAlive if Instant::now() > end => return,
                WaitStatus::StillAlive => thread::sleep(Duration::from_millis(1)),
                _ => {}
            }
        }
    }
}

/// Whether a connection has both its ends at one address: the kernel chose for it the very port it was to go
/// to, where nobody listens. It is cut, so that the port is free at once for whoever is to listen there.
fn is_to_itself(probe: &TcpStream) -> bool {
    let is_same =
        probe.local_addr().is_ok_and(|local| probe.peer_addr().is_ok_and(|it| it == local));
    if is_same {
        // Where it fails, the server has to wait a while for its port.
        let _ = SockRef::from(probe).set_linger(Some(Duration::ZERO));
    }
    is_same
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // All of these fail only where no process is left.
        let _ = self.signal_group(Signal::SIGKILL);
        let _ = self.child.wait();
        self.reap_orphans();
        running().remove(&self.process().as_raw());
    }
}

/// Makes this process the parent of its children's children when their parent has gone.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// What a server prints, read with a deadline.
#[derive(Debug)]
struct Output {
    pipe: ChildStdout,
    /// What was read and not returned.
    text: Vec<u8>,
}

impl Output {
    fn first_line(&mut self) -> io::Result<String> {
        let end = |text: &[u8]| text.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
        self.read_until("say where it listens", |text| end(text).is_some())?;
        let end = end(&self.text).unwrap_or(self.text.len());
        let line: Vec<u8> = self.text.drain(..end).collect();
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn rest(&mut self) -> io::Result<String> {
        self.read_until("end", |_| false)?;
        Ok(String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned())
    }

    /// Reads until the text is enough, or the end. `what` says what the server does then.
    fn read_until(&mut self, what: &str, enough: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut bytes = [0; 4096];
        while !enough(&self.text) {
            let rest = end.saturating_duration_since(Instant::now());
            let mut pipe = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut pipe, PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX));
            if ready == Ok(0) {
                let patience = humantime::format_duration(PATIENCE);
                let missing = format!("the server did not {what} within {patience}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, missing));
            }
            match self.pipe.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => self.text.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn a_connection_to_itself_is_no_server_and_leaves_its_port_free() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap();
        socket.connect(&address).unwrap();
        let probe = TcpStream::from(socket);
        assert!(is_to_itself(&probe));
        drop(probe);
        let listener = plain_listener(&address);
        assert!(!is_to_itself(&TcpStream::connect(listener.local_addr().unwrap()).unwrap()));
    }

    /// Without SO_REUSEADDR, which [`TcpListener::bind`] sets.
    fn plain_listener(address: &socket2::SockAddr) -> TcpListener {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(address).unwrap();
        socket.listen(1).unwrap();
        socket.into()
    }
}
