//! A server that follows every rule but one: small, a thread per connection, and told by name what is
//! wrong with it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use protocol::Framing;
use server_core::{SelfPipe, Shutdown as Request};
use socket2::{Domain, Socket, Type};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    None,
    HoldsAnswersBack,
    EndsEachReadWithALineFeed,
    AnswersTheFirstLineOfARead,
    StripsCarriageReturns,
    SkipsEmptyLines,
    StripsControlCharacters,
    CountsTheLineFeed,
    DropsAnUnendedLine,
    KeepsWhoSaysNothing,
    DiesOfAReset,
    SendsToWhoCameLast,
    AnswersBye,
    DropsWhatCameBeforeBye,
    GoesOnAfterBye,
    WantsByeWithoutReturn,
    WantsByeEnded,
    TakesByeInAnyCase,
    EchoesWhatIsTooLong,
    ClosesOverInput,
    EchoesAnyBytes,
    DropsWhatCameBeforeAMistake,
    WaitsForTheRestForever,
    TakesSilenceForSlowness,
    DecodesEachRead,
    TrimsEachRead,
    WantsByeAlone,
    ServesOneAtATime,
    TakesFiveHundred,
    WritesUnderALock,
    ReadsLinesUnderALock,
    DiesOfManyResets,
    LeaksAtAReset,
    NeverRests,
    DiesAtSigterm,
    StaysAtSigterm,
    EndsWithStatusOne,
    DoesNotReuseItsAddress,
}

/// What it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) defect: Defect,
    pub(super) framing: Framing,
    pub(super) max_message: usize,
    pub(super) message_timeout: Duration,
}

/// All that are connected, for who ends it and for who mixes them up.
static CONNECTED: Mutex<Vec<(usize, TcpStream)>> = Mutex::new(Vec::new());
/// Held where one client makes others wait.
static LOCK: Mutex<()> = Mutex::new(());
static RESETS: AtomicUsize = AtomicUsize::new(0);
/// Whether SIGTERM has come.
static ENDS: AtomicBool = AtomicBool::new(false);

fn connected() -> MutexGuard<'static, Vec<(usize, TcpStream)>> {
    CONNECTED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }
}

/// Serves at this port until SIGTERM.
pub(super) fn serve(told: Told, port: u16) -> io::Result<()> {
    // Before anybody can connect.
    let pipe = SelfPipe::new()?;
    if !told.has(Defect::DiesAtSigterm) {
        pipe.waker().wake_on(Request::signals())?;
    }
    let listener = listen(told, port)?;
    thread::spawn(move || end_at_sigterm(told, &pipe));
    if told.has(Defect::NeverRests) {
        thread::spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        });
    }
    for (number, stream) in listener.incoming().enumerate() {
        let stream = stream?;
        let mut connected = connected();
        connected.push((number, stream.try_clone()?));
        if ENDS.load(Ordering::Relaxed) {
            stream.shutdown(Shutdown::Read)?;
        }
        if told.has(Defect::TakesFiveHundred) && connected.len() > 500 {
            connected.pop();
            continue;
        }
        drop(connected);
        let connection = Connection::new(told, number, stream);
        match told.defect {
            Defect::ServesOneAtATime => connection.see_through(),
            _ => drop(thread::spawn(move || connection.see_through())),
        }
    }
    Ok(())
}

fn listen(told: Told, port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(!told.has(Defect::DoesNotReuseItsAddress))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Answers what has been sent, closes, and ends.
fn end_at_sigterm(told: Told, pipe: &SelfPipe) {
    pipe.wait(None).expect("a signal");
    if told.has(Defect::StaysAtSigterm) {
        return;
    }
    ENDS.store(true, Ordering::Relaxed);
    connected().iter().for_each(|(_, stream)| drop(stream.shutdown(Shutdown::Read)));
    while !connected().is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    process::exit(i32::from(told.has(Defect::EndsWithStatusOne)));
}

/// What becomes of a connection behind a message.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Close,
    Mistake(&'static str),
}

struct Connection {
    told: Told,
    number: usize,
    stream: TcpStream,
    /// What has come and is no whole message yet.
    input: Vec<u8>,
    answers: Vec<u8>,
    has_sent: bool,
    /// When the server began to wait for the rest of a message.
    waits_since: Option<Instant>,
}

impl Connection {
    fn new(told: Told, number: usize, stream: TcpStream) -> Self {
        let (input, answers) = (Vec::new(), Vec::new());
        Connection { told, number, stream, input, answers, has_sent: false, waits_since: None }
    }

    fn see_through(mut self) {
        let ended = self.converse();
        connected().retain(|(number, _)| *number != self.number);
        let Err(error) = ended else { return };
        if error.kind() == io::ErrorKind::ConnectionReset {
            let resets = RESETS.fetch_add(1, Ordering::Relaxed);
            let dies = self.told.has(Defect::DiesOfManyResets) && resets > 150;
            if dies || self.told.has(Defect::DiesOfAReset) {
                process::exit(1);
            }
            if self.told.has(Defect::LeaksAtAReset) {
                std::mem::forget(self.stream);
            }
        }
    }

    fn converse(&mut self) -> io::Result<()> {
        loop {
            let (count, next) = match self.told.framing {
                Framing::Line => self.read_lines()?,
                Framing::Raw => self.read_raw()?,
            };
            match next {
                Next::Mistake(reason) => return self.refuse(reason),
                Next::Close => return self.close(),
                Next::GoOn => self.answer(count == 0)?,
            }
            if count == 0 && self.told.has(Defect::KeepsWhoSaysNothing) && !self.has_sent {
                thread::park();
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Reads once: nothing at the end of what the client sends.
    fn read(&mut self) -> io::Result<Option<usize>> {
        let limit = self.told.message_timeout;
        let waits_since = match self.told.defect {
            Defect::WaitsForTheRestForever => None,
            Defect::TakesSilenceForSlowness => Some(self.waits_since.unwrap_or_else(Instant::now)),
            _ => self.waits_since,
        };
        let left = waits_since.map(|since| limit.saturating_sub(since.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        self.stream.set_read_timeout(left)?;
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            read => {
                let count = read?;
                self.has_sent |= count > 0;
                self.input.extend_from_slice(&bytes[..count]);
                Ok(Some(count))
            }
        }
    }

    fn read_lines(&mut self) -> io::Result<(usize, Next)> {
        let mut nobody_else = None;
        loop {
            let Some(count) = self.read()? else { return Ok((1, Next::Mistake("too slow"))) };
            if self.told.has(Defect::ReadsLinesUnderALock) && nobody_else.is_none() {
                nobody_else = Some(LOCK.lock());
            }
            let next = self.take_lines(count);
            self.waits_since = match self.input.is_empty() {
                true => None,
                false => self.waits_since.or(Some(Instant::now())),
            };
            let is_amid = count > 0 && next == Next::GoOn && !self.input.is_empty();
            if !is_amid || nobody_else.is_none() {
                return Ok((count, next));
            }
            self.answer(false)?;
        }
    }

    fn take_lines(&mut self, count: usize) -> Next {
        if self.told.has(Defect::EndsEachReadWithALineFeed)
            && !self.input.ends_with(b"\n")
            && count > 0
        {
            self.input.push(b'\n');
        }
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            self.waits_since = None;
            let next = self.take(&line);
            if next != Next::GoOn {
                return next;
            }
            if self.told.has(Defect::AnswersTheFirstLineOfARead) {
                self.input.clear();
            }
        }
        if self.is_too_long(self.input.len()) {
            return self.mistake("too long");
        }
        if count == 0 && !self.input.is_empty() && !self.told.has(Defect::DropsAnUnendedLine) {
            let line = std::mem::take(&mut self.input);
            return self.take(&line);
        }
        Next::GoOn
    }

    fn read_raw(&mut self) -> io::Result<(usize, Next)> {
        let Some(count) = self.read()? else { return Ok((1, Next::Mistake("too slow"))) };
        if self.is_too_long(self.input.len()) {
            return Ok((count, self.mistake("too long")));
        }
        // A character whose rest has not come waits for it.
        let whole = match std::str::from_utf8(&self.input) {
            Err(error) if error.error_len().is_none() && count > 0 => error.valid_up_to(),
            _ => self.input.len(),
        };
        let whole = if self.told.has(Defect::DecodesEachRead) { self.input.len() } else { whole };
        let mut message: Vec<u8> = self.input.drain(..whole).collect();
        if self.told.has(Defect::TrimsEachRead) {
            message.retain(|byte| *byte != b'\n');
        }
        if self.told.has(Defect::AnswersTheFirstLineOfARead) {
            let end = message.iter().position(|byte| *byte == b'\n');
            message.truncate(end.map_or(message.len(), |end| end + 1));
        }
        Ok((count, if message.is_empty() { Next::GoOn } else { self.take(&message) }))
    }

    fn is_too_long(&self, length: usize) -> bool {
        let limit = self.told.max_message;
        length > limit && !self.told.has(Defect::EchoesWhatIsTooLong)
    }

    fn mistake(&mut self, reason: &'static str) -> Next {
        if self.told.has(Defect::DropsWhatCameBeforeAMistake) {
            self.answers.clear();
        }
        Next::Mistake(reason)
    }

    /// Takes a whole message.
    fn take(&mut self, message: &[u8]) -> Next {
        let line = message.strip_suffix(b"\n").unwrap_or(message);
        let length = line.len() + usize::from(self.told.has(Defect::CountsTheLineFeed));
        if self.is_too_long(length) {
            return self.mistake("too long");
        }
        if std::str::from_utf8(line).is_err() && !self.told.has(Defect::EchoesAnyBytes) {
            return self.mistake("not UTF-8");
        }
        if self.is_bye(message) {
            return self.part(message);
        }
        match self.told.defect {
            Defect::SkipsEmptyLines if line.trim_ascii().is_empty() => {}
            Defect::StripsCarriageReturns => {
                self.answers.extend(message.iter().filter(|byte| **byte != b'\r'));
            }
            Defect::StripsControlCharacters => {
                let is_kept =
                    |byte: &&u8| matches!(byte, b'\n' | b'\r') || !byte.is_ascii_control();
                self.answers.extend(message.iter().filter(is_kept));
            }
            _ => self.answers.extend_from_slice(message),
        }
        Next::GoOn
    }

    fn is_bye(&self, message: &[u8]) -> bool {
        let ended = message.ends_with(b"\n");
        let line = message.strip_suffix(b"\n").unwrap_or(message);
        let word = line.strip_suffix(b"\r").unwrap_or(line);
        match self.told.defect {
            Defect::WantsByeWithoutReturn => line == b"Bye",
            Defect::WantsByeEnded => word == b"Bye" && ended,
            Defect::WantsByeAlone => message == b"Bye",
            Defect::TakesByeInAnyCase => word.eq_ignore_ascii_case(b"Bye"),
            _ => word == b"Bye",
        }
    }

    fn part(&mut self, message: &[u8]) -> Next {
        match self.told.defect {
            Defect::AnswersBye => self.answers.extend_from_slice(message),
            Defect::DropsWhatCameBeforeBye => self.answers.clear(),
            Defect::GoesOnAfterBye => return Next::GoOn,
            _ => {}
        }
        Next::Close
    }

    /// Sends what is to be sent.
    fn answer(&mut self, is_end: bool) -> io::Result<()> {
        if self.told.has(Defect::HoldsAnswersBack) && !is_end {
            return Ok(());
        }
        let answers = std::mem::take(&mut self.answers);
        let _nobody_else = self.told.has(Defect::WritesUnderALock).then(|| LOCK.lock());
        match connected().last() {
            Some((_, last)) if self.told.has(Defect::SendsToWhoCameLast) => {
                return last.try_clone()?.write_all(&answers);
            }
            _ => {}
        }
        self.stream.write_all(&answers)
    }

    fn refuse(&mut self, reason: &str) -> io::Result<()> {
        self.answers.extend_from_slice(format!("ERROR {reason}\n").as_bytes());
        self.close()
    }

    /// Sends what is to be sent, and closes when the client has had time to read it.
    fn close(&mut self) -> io::Result<()> {
        self.answer(true)?;
        if self.told.has(Defect::ClosesOverInput) {
            return Ok(());
        }
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let end = Instant::now() + Duration::from_secs(1);
        while self.stream.read(&mut [0; 4096])? > 0 && Instant::now() < end {}
        Ok(())
    }
}
