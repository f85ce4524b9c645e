//! The chat at a pipe and at a terminal, against servers that stay and servers that go.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use socket2::SockRef;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server for one client. It has gone when the returned channel says so.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (gone, is_gone) = channel();
    thread::spawn(move || {
        serve(listener.accept().unwrap().0);
        gone.send(())
    });
    (address, is_gone)
}

/// Answers each line until the end of the input.
fn echo(stream: TcpStream) {
    let _ = std::io::copy(&mut &stream, &mut &stream);
}

/// Answers one line and goes.
fn answer_once(mut stream: TcpStream) {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    stream.write_all(line.as_bytes()).unwrap();
}

/// A chat under way. It is killed when the test is done with it.
struct Chat {
    child: Child,
    output: Receiver<String>,
    words: Receiver<String>,
}

impl Chat {
    fn start(server: SocketAddr, options: &[&str], input: impl Into<Stdio>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(["chat", "--addr", &server.to_string()])
            .args(options)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = lines(child.stdout.take().unwrap());
        let words = lines(child.stderr.take().unwrap());
        Chat { child, output, words }
    }

    fn answer(&self) -> String {
        self.output.recv_timeout(PATIENCE).unwrap()
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end, and returns all that was not yet heard.
    fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        let end = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < end, "the chat did not end");
            thread::sleep(Duration::from_millis(5));
        }
        let (answers, words) = (self.output.iter().collect(), self.words.iter());
        (self.child.wait().unwrap(), answers, words.collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver): (Sender<String>, _) = channel();
    thread::spawn(move || {
        BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

/// A pipe that holds `text`, and ends behind it.
fn typed(text: &str) -> Stdio {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader.into()
}

#[test]
fn the_end_of_the_input_half_closes_and_the_answers_to_come_are_printed() {
    let (address, _) = server(|mut stream| {
        // Nothing is answered before the client has ended its side.
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        stream.write_all(all.as_bytes()).unwrap();
    });
    let (status, answers, words) = Chat::start(address, &[], typed("one\ntwo\nlast")).end();
    assert_eq!(answers, ["one", "two", "last"]);
    assert!(status.success() && words.contains("end of file (FIN)"), "{status} {words}");
}

#[test]
fn bye_ends_the_chat_well() {
    for options in [&[][..], &["--blocking"]] {
        let (address, _) = server(|stream| {
            let mut lines = BufReader::new(&stream).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "Bye");
        });
        let (status, answers, words) = Chat::start(address, options, typed("Bye\n")).end();
        assert!(status.success() && answers.is_empty(), "{status} {answers:?} {words}");
    }
}

#[test]
fn a_server_that_goes_is_noticed_though_nothing_is_typed() {
    let (address, _) = server(drop);
    let (reader, _keyboard) = std::io::pipe().unwrap();
    let (status, _, words) = Chat::start(address, &[], reader).end();
    assert_eq!(status.code(), Some(1));
    assert!(words.contains("closed the connection: end of file (FIN)"), "{words}");
}

/// Answers one line and resets the connection.
fn answer_once_and_reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    answer_once(stream);
}

#[test]
fn a_reset_is_told_apart_from_an_end() {
    let (address, _) = server(answer_once_and_reset);
    let (reader, mut keyboard) = std::io::pipe().unwrap();
    let chat = Chat::start(address, &[], reader);
    keyboard.write_all(b"hello\n").unwrap();
    let (status, _, words) = chat.end();
    assert_eq!(status.code(), Some(1));
    assert!(words.contains("reset the connection (RST)"), "{words}");
}

/// Lets a blocking chat exchange a line with a server that then goes, types another line when it
/// has gone, and returns what the chat says.
fn blocked_words(serve: fn(TcpStream)) -> String {
    let (address, is_gone) = server(serve);
    let (reader, mut keyboard) = std::io::pipe().unwrap();
    let mut chat = Chat::start(address, &["--blocking"], reader);
    keyboard.write_all(b"hello\n").unwrap();
    let _ = chat.answer();
    is_gone.recv_timeout(PATIENCE).unwrap();
    assert!(!chat.has_ended());
    keyboard.write_all(b"still there?\n").unwrap();
    let (status, _, words) = chat.end();
    assert_eq!(status.code(), Some(1));
    words
}

#[test]
fn a_blocking_chat_learns_of_an_end_only_when_it_writes_and_reads() {
    let words = blocked_words(answer_once);
    assert!(words.contains("`write` succeeded") && words.contains("end of file"), "{words}");
    assert!(words.contains("(EPIPE)"), "{words}");
}

#[test]
fn a_blocking_chat_learns_of_a_reset_only_when_it_writes() {
    let words = blocked_words(answer_once_and_reset);
    assert!(words.contains("`write` met a reset"), "{words}");
}

#[test]
fn a_server_that_dies_over_a_message_resets_the_read_that_waits_for_the_answer() {
    // Closes with the message unread.
    let (address, _) = server(|stream| drop(stream.peek(&mut [0])));
    let (status, _, words) = Chat::start(address, &["--blocking"], typed("hello\n")).end();
    assert_eq!(status.code(), Some(1));
    assert!(words.contains("`write` succeeded") && words.contains("ECONNRESET"), "{words}");
}

#[test]
fn a_watching_chat_is_told_of_the_same_end_before_it_writes() {
    let (address, _) = server(answer_once);
    let (reader, mut keyboard) = std::io::pipe().unwrap();
    let chat = Chat::start(address, &[], reader);
    keyboard.write_all(b"hello\n").unwrap();
    let (status, answers, words) = chat.end();
    assert_eq!((status.code(), answers.as_slice()), (Some(1), &["hello".to_owned()][..]));
    assert!(words.contains("end of file (FIN)"), "{words}");
}

#[test]
fn in_raw_framing_each_line_waits_for_the_answer_to_the_last() {
    let (address, _) = server(|mut stream| {
        let mut bytes = [0; 1024];
        for expected in ["one", "two", "three"] {
            let count = stream.read(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], expected.as_bytes());
            // In two pieces: the first is no reason to send the next line.
            stream.write_all(&bytes[..1]).unwrap();
            thread::sleep(Duration::from_millis(20));
            stream.write_all(&bytes[1..count]).unwrap();
        }
        assert_eq!(stream.read(&mut bytes).unwrap(), 0);
    });
    let chat = Chat::start(address, &["--framing", "raw"], typed("one\n\ntwo\nthree\n"));
    let (status, answers, _) = chat.end();
    // A piece of an answer is printed as it comes.
    assert_eq!(
        (status.success(), answers.as_slice()),
        (true, &["one", "two", "three"].map(String::from)[..])
    );
}

#[test]
fn a_raw_answer_that_is_shorter_than_its_message_does_not_stop_the_chat() {
    let (address, _) = server(|mut stream| {
        let mut bytes = [0; 1024];
        while let Ok(1..) = stream.read(&mut bytes) {
            stream.write_all(b"ok").unwrap();
        }
    });
    let chat = Chat::start(address, &["--framing", "raw"], typed("hello\nsecond\n"));
    let (status, answers, words) = chat.end();
    assert_eq!(answers, ["ok", "ok"]);
    assert!(status.success(), "{words}");
}

#[test]
fn answers_that_are_missing_at_the_end_are_no_good_end() {
    let (address, _) = server(|mut stream| {
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        stream.write_all(&all.as_bytes()[..5]).unwrap();
    });
    let (status, _, words) = Chat::start(address, &[], typed("one\ntwo\n")).end();
    assert_eq!(status.code(), Some(1));
    assert!(words.contains("3 bytes of echo missing"), "{words}");
}

#[test]
fn nothing_is_sent_behind_bye() {
    let (address, _) = server(|mut stream| {
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert_eq!(all, "one\nBye\n");
        stream.write_all(b"one\n").unwrap();
    });
    let (status, answers, words) = Chat::start(address, &[], typed("one\nBye\ntwo\n")).end();
    assert_eq!((status.success(), answers.as_slice()), (true, &["one".to_owned()][..]), "{words}");
}

#[test]
fn a_blocking_chat_prints_what_came_before_the_end_and_does_not_blame_the_keyboard() {
    // Half an answer, and then the end.
    let (address, _) = server(|mut stream| {
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        stream.write_all(b"hel").unwrap();
    });
    let (reader, mut keyboard) = std::io::pipe().unwrap();
    let chat = Chat::start(address, &["--blocking"], reader);
    keyboard.write_all(b"hello\n").unwrap();
    let (status, answers, words) = chat.end();
    assert_eq!((status.code(), answers.as_slice()), (Some(1), &["hel".to_owned()][..]));
    assert!(words.contains("in the place of an answer"), "{words}");
}

#[test]
fn more_than_the_network_holds_is_sent_as_the_server_reads() {
    let text = "0123456789abcde\n".repeat(1 << 16);
    let (address, _) = server(echo);
    let (reader, mut keyboard) = std::io::pipe().unwrap();
    let chat = Chat::start(address, &[], reader);
    let all = text.clone();
    let typist = thread::spawn(move || keyboard.write_all(all.as_bytes()).unwrap());
    let (status, answers, _) = chat.end();
    typist.join().unwrap();
    assert!(status.success() && answers.len() == text.lines().count());
}

#[test]
fn at_a_terminal_a_line_is_sent_when_it_ends_and_control_d_leaves() {
    let pair = openpty(None, None).unwrap();
    let (terminal, keyboard): (OwnedFd, OwnedFd) = (pair.slave, pair.master);
    // So that the keyboard's side need not be read.
    let mut settings = tcgetattr(&terminal).unwrap();
    settings.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&terminal, SetArg::TCSANOW, &settings).unwrap();
    let mut keyboard = File::from(keyboard);
    let (address, _) = server(echo);
    let mut chat = Chat::start(address, &[], terminal);
    keyboard.write_all(b"hel").unwrap();
    keyboard.write_all(b"lo\n").unwrap();
    assert_eq!(chat.answer(), "hello");
    assert!(!chat.has_ended());
    const CONTROL_D: &[u8] = &[4];
    keyboard.write_all(CONTROL_D).unwrap();
    let (status, _, words) = chat.end();
    assert!(status.success(), "{words}");
}

#[test]
fn without_a_server_there_is_one_line_that_says_how_to_start_one() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["chat", "--addr", &free.to_string()])
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), words.lines().count()), (Some(1), 1), "{words}");
    assert!(words.contains("cargo run -p thread-server"), "{words}");
}
