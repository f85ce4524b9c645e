//! One shell that is given one command after the other.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::session::{Session, Step};

/// The shell prints it behind a command, with the command's status.
const MARK: char = '\u{1e}';

/// How long a command in the background may take for its first line.
const BEGINNING: Duration = Duration::from_secs(2);

/// How long any command may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Types the session's commands and gives the session as it came out. Waits for each command, up to
/// ten minutes; one that goes to the background (`&`) has begun when it has printed a line, or is
/// silent for two seconds (as long as any command, where Cargo compiles it first). Whatever it leaves
/// running is killed.
pub(crate) fn run(session: &Session) -> io::Result<Session> {
    let mut shell = Shell::start()?;
    let steps = session.steps.iter().map(|step| shell.type_in(&step.command));
    let steps = steps.collect::<io::Result<_>>()?;
    Ok(Session { place: session.place.clone(), steps, shows_output: session.shows_output })
}

struct Shell {
    process: Child,
    lines: Receiver<String>,
}

impl Shell {
    fn start() -> io::Result<Self> {
        let mut command = Command::new("bash");
        command.env("COLUMNS", "80").env("CARGO_TERM_COLOR", "never").process_group(0);
        // What it prints for an error comes in its place among the rest.
        command.args(["-c", "exec 2>&1; exec bash"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
            let text = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
            text.map(|line| sender.send(line)).find(Result::is_err)
        });
        Ok(Shell { process, lines })
    }

    fn type_in(&mut self, command: &str) -> io::Result<Step> {
        let input = self.process.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        // The commands do not read what the shell is told.
        writeln!(input, "{{ {command}\n}} </dev/null; printf '\\n{MARK}%s\\n' $?")?;
        let (mut output, status) = self.read_to_mark(command)?;
        // A server's last words come when they come.
        if command == "kill %1" {
            output.clear();
        }
        if command.ends_with('&') && output.is_empty() {
            // Cargo may have to compile before.
            let beginning = if command.starts_with("cargo ") { PATIENCE } else { BEGINNING };
            output.extend(self.next(Instant::now() + beginning)?);
        }
        Ok(Step { command: command.to_owned(), output, status })
    }

    /// What a command has printed, and its status.
    fn read_to_mark(&self, command: &str) -> io::Result<(Vec<String>, i32)> {
        let (mut output, until) = (Vec::<String>::new(), Instant::now() + PATIENCE);
        while let Some(line) = self.next(until)? {
            match line.strip_prefix(MARK) {
                Some(status) => {
                    // The empty line is the mark's own.
                    output.pop_if(|it| it.is_empty());
                    return Ok((output, status.parse().unwrap_or(-1)));
                }
                // The shell's own words on what was killed: a terminal shows them later, or never.
                None if line.starts_with("bash: line ") => {}
                None => output.push(line),
            }
        }
        Err(io::Error::other(format!("{command}: not done in {PATIENCE:?}")))
    }

    /// The next line, if one comes until then.
    fn next(&self, until: Instant) -> io::Result<Option<String>> {
        match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(Some(line)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// The shell and whatever it has started.
impl Drop for Shell {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.process.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.process.wait();
    }
}
