//! A server in a process of its own, ended with whoever started it.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running server. Dropping it kills the server.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
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
pub fn serve_command(program: impl AsRef<OsStr>, model: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", model]).args(arguments);
    if !arguments.contains(&"--addr") {
        command.args(["--addr", "127.0.0.1:0"]);
    }
    command
}

impl ServerProcess {
    /// Starts a server and blocks until it says that it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or says anything else first.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let address = SocketAddr::from(([0; 4], 0));
        let mut server = ServerProcess { child, output: BufReader::new(output), address };
        let mut line = String::new();
        server.output.read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("listening on ");
        server.address = address.and_then(|address| address.parse().ok()).ok_or_else(|| {
            io::Error::other(format!("the server did not say where it listens, but {line:?}"))
        })?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
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

    /// Asks it to shut down with SIGTERM, and blocks until it has.
    ///
    /// # Errors
    ///
    /// When it cannot be asked or waited for, or does not end with status 0.
    pub fn stop(self) -> io::Result<Stopped> {
        self.signal(Signal::SIGTERM)?;
        let stopped = self.wait()?;
        match stopped.status.success() {
            true => Ok(stopped),
            false => Err(io::Error::other(format!("the server ended with {}", stopped.status))),
        }
    }

    /// Blocks until it has ended.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn wait(mut self) -> io::Result<Stopped> {
        let mut output = String::new();
        self.output.read_to_string(&mut output)?;
        Ok(Stopped { status: self.child.wait()?, output })
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail only for a process that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
