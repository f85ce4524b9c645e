//! Servers and clients as the tests need them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::models::MODELS;
use libtest_mimic::{Failed, Trial};
use server_core::{AtOnce, Model, Unit};
use server_process::{ServerProcess, Stopped, serve_command};
use tempfile::NamedTempFile;

pub(crate) mod endurance_names;
pub(crate) mod inside;

/// How long an answer may take before a test fails: far longer than any answer takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The program that all servers are in.
pub(crate) const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Long enough for an answer to come that ought not to.
pub(crate) const A_WHILE: Duration = Duration::from_millis(300);

/// A server under test: a model, with the options that make it another one.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) model: Model,
    options: &'static [&'static str],
}

/// Every model, and beside one that serves all its clients by workers what it is with a second one.
pub(crate) fn subjects() -> impl Iterator<Item = Subject> {
    MODELS.iter().flat_map(|entry| {
        let model = entry.model;
        let has_variant = model.at_once == AtOnce::All && model.properties.workers.is_some();
        let variants =
            [&[][..], &["--workers", "2"]].into_iter().take(1 + usize::from(has_variant));
        variants.map(move |options| Subject { model, options })
    })
}

/// One that serves many clients, where it makes no difference which.
pub(crate) fn any() -> Subject {
    subjects().find(|it| !it.serves_one()).expect("a model")
}

/// A test of a model. A failed assertion fails it; where the machine cannot run the model it is ignored,
/// and its name says why.
pub(crate) fn trial(
    name: String,
    model: &Model,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let trial = Trial::test(name, test);
    match model.obstacle() {
        Some(obstacle) => trial.with_kind(obstacle).with_ignored_flag(true),
        None => trial,
    }
}

impl Subject {
    /// Its name in that of a test.
    pub(crate) fn name(&self) -> String {
        [&[self.model.name], self.options].concat().join(" ")
    }

    /// Whether it has a thread for all that it does.
    pub(crate) fn has_one_thread(&self) -> bool {
        self.options.is_empty() && matches!(self.model.unit, Unit::Task | Unit::None)
    }

    /// Whether its options go with `--bare`: a bare loop is one loop.
    pub(crate) fn has_bare(&self) -> bool {
        self.options.is_empty() || self.model.unit != Unit::None
    }

    /// Whether it has several loops, each in a thread of its own.
    pub(crate) fn has_loops(&self) -> bool {
        !self.options.is_empty() && self.model.unit == Unit::None
    }

    /// Whether a second client waits for the first one's end.
    pub(crate) fn serves_one(&self) -> bool {
        self.model.at_once == AtOnce::One
    }

    /// A command that runs it, in the lab's own program or a copy of it.
    pub(crate) fn command_in(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        serve_command(program, self.model.name, [self.options, arguments].concat())
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_in(LAB, arguments)
    }

    /// Starts it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        Server::start_by(self.command(arguments))
    }

    /// Starts it so that a second client waits for the first one's end.
    pub(crate) fn start_with_room_for_one(&self, arguments: &[&str]) -> Server {
        let limit = match (self.model.at_once, self.model.properties.max_connections) {
            (AtOnce::One, _) => &[][..],
            (_, Some(_)) => &["--max-connections", "1"],
            (_, None) => &["--workers", "1"],
        };
        self.start(&[limit, arguments].concat())
    }

    /// Starts it with this many workers, where it has workers that serve a client each.
    pub(crate) fn start_with_workers(&self, workers: usize, arguments: &[&str]) -> Server {
        let workers = workers.to_string();
        match self.model.at_once {
            AtOnce::Workers => self.start(&[&["--workers", &workers], arguments].concat()),
            _ => self.start(arguments),
        }
    }
}

/// A server in its own process, with its log at hand. It ends with this value.
pub(crate) struct Server {
    pub(crate) process: ServerProcess,
    log: NamedTempFile,
}

impl Server {
    /// Starts a server by a command that ends in its own.
    pub(crate) fn start_by(mut command: Command) -> Self {
        let log = NamedTempFile::new().expect("a temporary file");
        command.stderr(File::create(log.path()).expect("a temporary file")).env_remove("RUST_LOG");
        let name = format!("{command:?}");
        let process = ServerProcess::start(command);
        let process = process.unwrap_or_else(|error| {
            let log = std::fs::read_to_string(log.path()).unwrap_or_default();
            panic!("{name}: {error}\n{log}")
        });
        Server { process, log }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// Waits for its end, and returns its log too.
    pub(crate) fn wait(self) -> (Stopped, String) {
        let stopped = self.process.wait().expect("its end");
        (stopped, std::fs::read_to_string(self.log.path()).expect("the log"))
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("the log")
    }

    /// How many lines of its log hold this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }
}

/// A client of the tests' own, which sends what no proper client would.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> Self {
        Client::try_connect(server).expect("a connection")
    }

    pub(crate) fn try_connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream })
    }

    pub(crate) fn wait_at_most(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("an open socket");
        self.stream.set_write_timeout(Some(patience)).expect("an open socket");
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server to take it");
    }

    /// Sends as telnet sends an interrupt: TCP's urgent data.
    pub(crate) fn send_urgently(&mut self, bytes: &[u8]) {
        let sent = socket2::SockRef::from(&self.stream).send_out_of_band(bytes);
        assert_eq!(sent.expect("the server to take it"), bytes.len());
    }

    /// Sends as fast as it can and reads what comes back, until the connection ends.
    pub(crate) fn flood(mut self) {
        let mut answers = self.stream.try_clone().expect("an open socket");
        let reader = thread::spawn(move || io::copy(&mut answers, &mut io::sink()));
        let lines = "\n".repeat(64 * 1024);
        while self.stream.write_all(lines.as_bytes()).is_ok() {}
        let _ = reader.join().expect("a reader");
    }

    /// Sends lines and reads nothing, until the server has taken nothing for a while.
    pub(crate) fn stuff(&mut self) {
        self.wait_at_most(A_WHILE);
        let lines = "a line that is answered and not read\n".repeat(1024);
        while self.stream.write_all(lines.as_bytes()).is_ok() {}
        self.wait_at_most(PATIENCE);
    }

    /// Sends this in another thread, until the connection ends.
    pub(crate) fn clone_to_send(&self, text: String) -> JoinHandle<()> {
        let mut stream = self.stream.try_clone().expect("an open socket");
        thread::spawn(move || drop(stream.write_all(text.as_bytes())))
    }

    /// Sends a byte now and then in another thread, until the connection ends.
    pub(crate) fn clone_to_trickle(&self, pause: Duration) -> JoinHandle<()> {
        let mut stream = self.stream.try_clone().expect("an open socket");
        thread::spawn(move || {
            while stream.write_all(b".").is_ok() {
                thread::sleep(pause);
            }
        })
    }

    /// Receives this many bytes.
    #[track_caller]
    pub(crate) fn receive_some(&mut self, count: usize) {
        self.stream.read_exact(&mut vec![0; count]).expect("answers");
    }

    /// As `try_exchange`, and gives up after a few seconds.
    pub(crate) fn is_answered(&mut self, message: &str) -> bool {
        self.wait_at_most(10 * A_WHILE);
        let answered = self.try_exchange(message);
        self.wait_at_most(PATIENCE);
        answered
    }

    /// Ends the client's side.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("an open socket");
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let socket = socket2::Socket::from(self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an open socket");
    }

    #[track_caller]
    pub(crate) fn receive(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut received = vec![0; expected.len()];
        self.stream.read_exact(&mut received).expect("an answer");
        assert_same(&received, expected);
    }

    /// Receives this, and then the end of the connection, not a reset.
    #[track_caller]
    pub(crate) fn receive_to_the_end(&mut self, expected: impl AsRef<[u8]>) {
        let mut received = Vec::new();
        let end = self.stream.read_to_end(&mut received);
        assert_same(&received, expected.as_ref());
        end.expect("the end of the connection");
    }

    #[track_caller]
    pub(crate) fn exchange(&mut self, message: &str) {
        self.send(message);
        self.receive(message);
    }

    /// Whether this message is answered, and the connection not ended instead.
    pub(crate) fn try_exchange(&mut self, message: &str) -> bool {
        let mut received = vec![0; message.len()];
        self.stream.write_all(message.as_bytes()).is_ok()
            && self.stream.read_exact(&mut received).is_ok()
            && received == message.as_bytes()
    }

    /// Whether there is something to receive. Does not block.
    pub(crate) fn has_answer(&self) -> bool {
        self.stream.set_nonblocking(true).expect("an open socket");
        let there = self.stream.peek(&mut [0]).is_ok();
        self.stream.set_nonblocking(false).expect("an open socket");
        there
    }

    /// Sees that nothing comes for a while.
    #[track_caller]
    pub(crate) fn wait_in_vain(&mut self) {
        self.wait_at_most(A_WHILE);
        // With a time-out, a signal to this process interrupts a read: signal(7).
        let came = loop {
            match self.stream.read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                came => break came,
            }
        };
        self.wait_at_most(PATIENCE);
        let waited = matches!(&came, Err(error) if error.kind() == ErrorKind::WouldBlock);
        assert!(waited, "an answer or an end came early: {came:?}");
    }

    /// Waits until the connection has ended in any way.
    pub(crate) fn wait_for_any_end(&mut self) -> io::Result<u64> {
        io::copy(&mut self.stream, &mut io::sink())
    }
}

/// Compares without printing thousands of bytes.
#[track_caller]
fn assert_same(received: &[u8], expected: &[u8]) {
    let same = received.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(20);
    let near = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[from.min(bytes.len())..bytes.len().min(same + 20)])
            .into_owned()
    };
    assert!(
        received == expected,
        "received {} bytes, expected {}; they differ at {same}: {:?} and {:?}",
        received.len(),
        expected.len(),
        near(received),
        near(expected),
    );
}

/// Waits until `what` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, holds);
}

/// Waits until `what` holds, for `longest` at most.
#[track_caller]
pub(crate) fn wait_for(longest: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + longest;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {longest:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
