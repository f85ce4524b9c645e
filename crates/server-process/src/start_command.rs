//! The command line of a server that is not ours.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::process::{self, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use server_core::open_file_limit_before;

use crate::ServerProcess;

/// How many characters are shown of what a server said last.
const SHOWN: usize = 200;

/// What stands in the place of the port.
const PORT: &str = "{port}";

/// What stands in the place of the seconds that the server is to wait before each answer.
const DELAY: &str = "{delay}";

/// A command that starts a server, with `{port}` in the place of its port, and `{delay}` in the place of the seconds
/// that it is to wait before each answer, if it can. It is taken apart as a shell
/// would, but run by none: so signals reach the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartCommand {
    words: Vec<String>,
    within: Duration,
    delay: Duration,
}

/// How long a server may take until it accepts connections, unless it is said otherwise.
const WITHIN: Duration = Duration::from_secs(10);

/// How many ports are tried: each is free when it is chosen, and may be taken before the server gets to it.
const TRIES: usize = 3;

/// The ports that servers are started at.
const PORTS: Range<u16> = 20_000..32_000;
const COUNT: u16 = PORTS.end - PORTS.start;

impl FromStr for StartCommand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or("a quote is not closed")?;
        if !words.iter().any(|word| word.contains(PORT)) {
            return Err(format!("expected {PORT} in the place of the server's port"));
        }
        Ok(StartCommand { words, within: WITHIN, delay: Duration::ZERO })
    }
}

impl StartCommand {
    /// The same for a server that may take so long until it accepts connections.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        StartCommand { within, ..self }
    }

    /// The same for a server that is to wait for so long before each answer; nothing changes where the command does not
    /// ask for that.
    #[must_use]
    pub fn waiting(self, delay: Duration) -> Self {
        StartCommand { delay, ..self }
    }

    /// Whether it asks how long the server is to wait.
    pub fn asks_for_a_delay(&self) -> bool {
        self.words.iter().any(|word| word.contains(DELAY))
    }

    /// Starts it at a free port of 127.0.0.1, and blocks until it accepts connections.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends before it listens, or does not listen in time.
    pub fn start(&self) -> io::Result<ServerProcess> {
        for _ in 1..TRIES {
            let address = free_address()?;
            match self.start_at(address) {
                Err(_) if TcpListener::bind(address).is_err() => {} // Another program took it meanwhile.
                result => return result,
            }
        }
        self.start_at(free_address()?)
    }

    /// Starts it at this port, and blocks until it accepts connections.
    ///
    /// # Errors
    ///
    /// As [`StartCommand::start`].
    pub fn start_at(&self, address: SocketAddr) -> io::Result<ServerProcess> {
        let port = address.port().to_string();
        let delay = self.delay.as_secs_f64().to_string();
        let filled = |word: &String| word.replace(PORT, &port).replace(DELAY, &delay);
        let words: Vec<String> = self.words.iter().map(filled).collect();
        // Without a name, so that nothing is left behind however this process ends.
        let said = tempfile::tempfile()?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdout(Stdio::null()).stderr(said.try_clone()?);
        start_with_its_own_limit(&mut command);
        ServerProcess::start_at(command, address, self.within).map_err(|error| {
            io::Error::other(format!("{}: {error} ({})", words.join(" "), last_line(said)))
        })
    }
}

/// Starts a server with the limit of open files that this program was started with, and not with the one that
/// it has raised for itself: that is what the server has without it.
#[allow(unsafe_code)]
fn start_with_its_own_limit(command: &mut Command) {
    let Some(before) = open_file_limit_before() else { return };
    let lower = move || {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let before = rlim_t::try_from(before).map_or(most, |before| before.min(most));
        Ok(setrlimit(Resource::RLIMIT_NOFILE, before, most)?)
    };
    // SAFETY: between fork and exec it makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(lower) };
}

/// The last line of what a server said. What is not text, or would steer a terminal, is replaced.
fn last_line(mut said: File) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is not shown.
    let _ = said.rewind().and_then(|()| said.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let last = text.trim_end().lines().next_back().unwrap_or("it said nothing");
    let shown = |it: char| if it.is_control() { char::REPLACEMENT_CHARACTER } else { it };
    last.chars().map(shown).take(SHOWN).collect()
}

/// A free port below those that the kernel gives to port 0, which are from 32768 on: no other server gets it
/// before this one does, and none that does is taken for it.
fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let seed = process::id() as u16;
    let next = || PORTS.start + seed.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
    let mut all = (0..COUNT).map(|_| SocketAddr::from(([127, 0, 0, 1], next())));
    let free = all.find(|address| TcpListener::bind(address).is_ok());
    free.map_or_else(|| TcpListener::bind("127.0.0.1:0")?.local_addr(), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_a_place_for_the_port_and_words_as_in_a_shell() {
        let command: StartCommand = "python3 'my server.py' --port={port}".parse().unwrap();
        assert_eq!(command.words, ["python3", "my server.py", "--port={port}"]);
        let waiting: StartCommand = "server {port} {delay}".parse().unwrap();
        assert!(waiting.asks_for_a_delay() && !command.asks_for_a_delay());
        assert!("python3 server.py".parse::<StartCommand>().unwrap_err().contains(PORT));
        assert!("python3 'server.py {port}".parse::<StartCommand>().is_err());
    }

    #[test]
    fn a_command_that_ends_at_once_says_why() {
        let command: StartCommand = "cat /nowhere/{port}".parse().unwrap();
        let error = command.start().unwrap_err().to_string();
        assert!(error.contains("it ended") && error.contains("No such file"), "{error}");
    }

    #[test]
    fn what_a_server_said_is_shown_and_steers_no_terminal() {
        let command = r#"sh -c "printf '\377\033[31mred' >&2; exit 7" {port}"#;
        let command: StartCommand = command.parse().unwrap();
        let error = command.start().unwrap_err().to_string();
        assert!(error.ends_with("(\u{fffd}\u{fffd}[31mred)"), "{error:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_stranger_at_the_port_is_not_taken_for_the_server() -> io::Result<()> {
        let stranger = TcpListener::bind("127.0.0.1:0")?;
        let command: StartCommand = "sh -c 'sleep 0.2; exit 7' {port}".parse().unwrap();
        let error = command.start_at(stranger.local_addr()?).unwrap_err().to_string();
        assert!(error.contains("it ended with exit status: 7"), "{error}");
        Ok(())
    }
}
