//! A server with a bug, and how to talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long anything may take that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server with a bug. It is killed when the test is done with it, and its children too.
pub(crate) struct Server {
    pub(crate) child: Child,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start(bug: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bugs"));
        command.args([bug, "--addr", "127.0.0.1:0"]);
        Server::start_by(command)
    }

    pub(crate) fn start_by(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (begin, _) = line.split_once(';').unwrap();
        let address = begin.strip_prefix("listening on ").unwrap().parse().unwrap();
        Server { child, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

pub(crate) fn exchange(mut stream: &TcpStream, message: &str) {
    stream.write_all(message.as_bytes()).unwrap();
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, message.as_bytes());
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
