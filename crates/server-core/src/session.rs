//! What a connection handler decides, apart from how it reads and writes.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use protocol::{DecodeError, Decoder, Request};
use tracing::info;

use crate::hint::{self, HINT_AFTER, may_lack_its_end};
use crate::logging::Excerpt;
use crate::{Input, Options, Statistics};

/// One connection's conversation without its I/O: bytes in, [`Step`]s out. All handlers drive it, so they
/// cannot drift apart.
#[derive(Debug)]
pub struct Session<'a> {
    options: &'a Options,
    statistics: &'a Statistics,
    decoder: Decoder,
    /// The answers that are to be sent, between two places of the decoder: an echo is the message itself.
    echo: Range<usize>,
    /// The last answer to a client that was refused.
    refusal: Vec<u8>,
    /// How many messages these answers are for.
    unsent: u64,
    /// Since when the client has neither sent nor read anything, although the server waits for it.
    idle_since: Option<Instant>,
    /// Since when it has waited for the rest of a message.
    unfinished_since: Option<Instant>,
    /// Whether that has taken too long.
    is_late: bool,
    ended: bool,
    /// Whether it was the client that ended its input.
    client_has_ended: bool,
    /// Whether no message has come yet.
    is_new: bool,
    /// Whether the log has a hint on this client already.
    has_hinted: bool,
}

/// After this time without input, the memory for a client's burst is freed.
const QUIET: Duration = Duration::from_secs(1);

/// What the handler does next. Each step says what becomes of [`Session::answers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the answers, then read into [`Session::space`].
    Read,
    /// Wait for `--delay`, compute for `--compute`, then send the answer.
    Work,
    /// Send the answers, then crash.
    Crash(Crash),
    /// Send the answers, then close.
    Close(Result<Ending, DecodeError>),
}

/// How a conversation ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said `Bye`.
    Bye,
    /// The client ended its sending side, or a drain ended our receiving side.
    EndOfInput,
}

/// What a client may do to its handler under `--allow-crash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The handler panics: its stack unwinds.
    Panic,
    /// The handler's process aborts.
    Abort,
}

impl<'a> Session<'a> {
    /// A new conversation.
    pub fn new(options: &'a Options, statistics: &'a Statistics) -> Self {
        let decoder = Decoder::new(options.framing, options.max_message);
        Session {
            options,
            statistics,
            decoder,
            echo: 0..0,
            refusal: Vec::new(),
            unsent: 0,
            idle_since: None,
            unfinished_since: None,
            is_late: false,
            ended: false,
            client_has_ended: false,
            is_new: true,
            has_hinted: false,
        }
    }

    /// The same with the memory for a first read: for a process that forks, so that its child does not
    /// fault in pages of the allocator.
    pub fn with_memory(options: &'a Options, statistics: &'a Statistics) -> Self {
        let mut session = Session::new(options, statistics);
        session.space();
        session
    }

    /// What the server was asked to do.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// Where this conversation is counted.
    pub fn statistics(&self) -> &'a Statistics {
        self.statistics
    }

    /// Where the next read puts its bytes; not empty before a [`Step::Close`].
    pub fn space(&mut self) -> &mut [u8] {
        self.decoder.space()
    }

    /// Takes the result of a read into [`space`](Self::space).
    pub fn receive(&mut self, input: Input) {
        self.client_has_ended = input == Input::Bytes(0);
        self.ended = self.client_has_ended || input == Input::CutOff;
        match input {
            Input::Bytes(count) => {
                self.idle_since = None;
                self.decoder.received(count);
            }
            // A message that the drain cuts is not answered.
            Input::CutOff => {}
            Input::Late if self.has_leftover() => self.look_at_the_unfinished(),
            Input::Late => self.decoder.shrink(),
        }
    }

    /// Until when to wait for input, before [`receive`] is told that it is late: for the rest of a message
    /// that has come in part, or to give back the memory of a burst. The time for the rest begins with
    /// the first such wait, and not while the server works on what came before it.
    ///
    /// [`receive`]: Self::receive
    // ANCHOR: rest_due
    pub fn rest_due(&mut self) -> Option<Instant> {
        if !self.has_leftover() {
            return self.decoder.is_oversized().then(|| self.idle_since() + QUIET);
        }
        let hint_after = if self.may_need_hint() { HINT_AFTER } else { Duration::MAX };
        let since = *self.unfinished_since.get_or_insert_with(Instant::now);
        Some(since + self.options.message_timeout.min(hint_after))
    }
    // ANCHOR_END: rest_due

    /// When a client will have been idle for too long. Its time begins with the first wait since it last
    /// sent or read something.
    pub fn idle_at(&mut self) -> Instant {
        self.idle_since() + self.options.idle_timeout
    }

    /// Whether it has waited for the client since that last sent or read something.
    #[cfg(target_os = "linux")]
    pub(crate) fn has_waited(&self) -> bool {
        self.idle_since.is_some()
    }

    fn idle_since(&mut self) -> Instant {
        *self.idle_since.get_or_insert_with(Instant::now)
    }

    /// Logs a hint, once, and gives the message up when its time is over.
    fn look_at_the_unfinished(&mut self) {
        let waited = self.unfinished_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.is_late = waited >= self.options.message_timeout;
        if (self.is_late || waited >= HINT_AFTER) && self.may_need_hint() {
            self.has_hinted = true;
            if let Some(more) = self.statistics.hinted.passes() {
                hint::log_piece(self.decoder.leftover(), more);
            }
        }
    }

    /// The bytes to send next. After they are sent there may be more: send until this is empty.
    pub fn answers(&self) -> &[u8] {
        match self.echo.is_empty() {
            false => self.decoder.between(self.echo.clone()),
            true => &self.refusal,
        }
    }

    /// Removes the first `count` bytes of [`answers`](Self::answers): they were sent.
    pub fn sent(&mut self, count: usize) {
        self.idle_since = None;
        match self.echo.is_empty() {
            false => self.echo.start += count,
            true => drop(self.refusal.drain(..count)),
        }
        if self.answers().is_empty() {
            self.all_sent();
        }
    }

    fn all_sent(&mut self) {
        let messages = std::mem::take(&mut self.unsent);
        if messages > 0 {
            self.statistics.answered(messages);
            info!(event = "answered", messages, "answered");
        }
    }

    /// Whether input came that will not be answered any more.
    pub fn has_leftover(&self) -> bool {
        !self.decoder.leftover().is_empty()
    }

    /// Whether the client has ended its input: then there is nothing left to read.
    pub fn client_has_ended(&self) -> bool {
        self.client_has_ended
    }

    /// Whether the piece of a message that has come may wait in vain for its line end.
    fn may_need_hint(&self) -> bool {
        !self.has_hinted && may_lack_its_end(self.options.framing, self.decoder.leftover())
    }

    /// Answers what has been received, up to the next thing that only the handler can do.
    pub fn step(&mut self) -> Step {
        loop {
            let begin = self.decoder.place();
            let message = match self.decoder.next_message() {
                Ok(Some(message)) => message,
                Ok(None) if self.ended => return Step::Close(Ok(Ending::EndOfInput)),
                Ok(None) if self.is_late => {
                    let limit = self.options.message_timeout;
                    return self.refuse(DecodeError::TooSlow { limit });
                }
                Ok(None) => return Step::Read,
                Err(reason) => {
                    hint::log_refused(self.decoder.leftover());
                    return self.refuse(reason);
                }
            };
            self.unfinished_since = None;
            info!(event = "message", bytes = message.len() as u64, "{}", Excerpt(message));
            if std::mem::take(&mut self.is_new) {
                hint::log_first(message);
            }
            match Request::parse(message, self.options.allow_crash) {
                Request::Echo(_) => {}
                Request::Bye => return Step::Close(Ok(Ending::Bye)),
                Request::Panic => return Step::Crash(Crash::Panic),
                Request::Abort => return Step::Crash(Crash::Abort),
            }
            if self.echo.is_empty() {
                self.echo.start = begin;
            }
            self.echo.end = self.decoder.place();
            self.unsent += 1;
            if self.options.asks_for_work() {
                return Step::Work;
            }
        }
    }

    fn refuse(&mut self, reason: DecodeError) -> Step {
        self.refusal = format!("ERROR {reason}\n").into_bytes();
        Step::Close(Err(reason))
    }
}

impl Crash {
    /// Crashes.
    ///
    /// # Panics
    ///
    /// Always, where it does not abort.
    pub fn now(self) -> ! {
        match self {
            Crash::Panic => panic!("a client asked for it"),
            Crash::Abort => std::process::abort(),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Bye => "the client said Bye",
            Ending::EndOfInput => "end of input",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        let command = clap::Command::new("test");
        let matches = <Options as clap::Args>::augment_args(command)
            .get_matches_from(line.split_whitespace());
        <Options as clap::FromArgMatches>::from_arg_matches(&matches).unwrap_or_else(|error| {
            panic!("{line}: {error}");
        })
    }

    /// All that a session has to send, sent byte by byte.
    fn send_all(session: &mut Session<'_>) -> Vec<u8> {
        let mut sent = Vec::new();
        while let Some(byte) = session.answers().first().copied() {
            sent.push(byte);
            session.sent(1);
        }
        sent
    }

    /// What a session does with one read of `bytes`, and what it has to send after each step.
    fn steps(line: &str, bytes: &[u8]) -> Vec<(Step, String)> {
        let (options, statistics) = (options(line), Statistics::default());
        let mut session = Session::new(&options, &statistics);
        assert_eq!(session.step(), Step::Read);
        session.space()[..bytes.len()].copy_from_slice(bytes);
        session.receive(Input::Bytes(bytes.len()));
        let mut steps = Vec::new();
        loop {
            let step = session.step();
            steps.push((step, String::from_utf8(send_all(&mut session)).unwrap()));
            if !matches!(step, Step::Work | Step::Crash(_)) {
                return steps;
            }
        }
    }

    #[test]
    fn answers_to_messages_that_came_together_leave_together() {
        assert_eq!(steps("test", b"one\ntwo\nthr"), [(Step::Read, "one\ntwo\n".to_owned())]);
    }

    #[test]
    fn with_a_delay_each_answer_leaves_after_its_own_work() {
        let expected = [
            (Step::Work, "one\n".to_owned()),
            (Step::Work, "two\n".to_owned()),
            (Step::Read, String::new()),
        ];
        assert_eq!(steps("test --delay 1s", b"one\ntwo\n"), expected);
    }

    #[test]
    fn nothing_behind_bye_is_answered() {
        let expected = [(Step::Close(Ok(Ending::Bye)), "one\n".to_owned())];
        assert_eq!(steps("test", b"one\nBye\ntwo\n"), expected);
    }

    #[test]
    fn an_empty_read_is_the_end_of_the_input() {
        assert_eq!(steps("test", b""), [(Step::Close(Ok(Ending::EndOfInput)), String::new())]);
    }

    #[test]
    fn what_a_drain_cuts_off_is_no_message_and_what_the_client_ends_is_one() {
        let (options, statistics) = (options("test"), Statistics::default());
        for (input, answer) in [(Input::CutOff, "one\n"), (Input::Bytes(0), "one\nlast")] {
            let mut session = Session::new(&options, &statistics);
            session.space()[..8].copy_from_slice(b"one\nlast");
            session.receive(Input::Bytes(8));
            assert_eq!(session.step(), Step::Read);
            let mut sent = send_all(&mut session);
            session.receive(input);
            assert_eq!(session.step(), Step::Close(Ok(Ending::EndOfInput)));
            sent.extend(send_all(&mut session));
            assert_eq!(sent, answer.as_bytes());
        }
    }

    #[test]
    fn a_refused_message_is_answered_with_its_reason() {
        let reason = DecodeError::TooLong { limit: 3 };
        let answer = "one\nERROR message longer than 3 bytes\n".to_owned();
        let expected = [(Step::Close(Err(reason)), answer)];
        assert_eq!(steps("test --max-message 3", b"one\nfour\nfive\n"), expected);
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back_when_the_client_is_silent() {
        let (options, statistics) = (options("test"), Statistics::default());
        let mut session = Session::new(&options, &statistics);
        while session.space().len() < 4096 {
            let count = session.space().len();
            session.space().fill(b'\n');
            session.receive(Input::Bytes(count));
            assert_eq!(session.step(), Step::Read);
            assert_eq!(send_all(&mut session).len(), count);
        }
        assert!(session.rest_due().is_some());
        session.receive(Input::Late);
        assert_eq!((session.step(), session.rest_due()), (Step::Read, None));
        assert_eq!(session.space().len(), 1024);
    }

    #[test]
    fn idle_time_begins_anew_with_what_a_client_sends_or_reads_and_not_with_a_look() {
        let (options, statistics) = (options("test --idle-timeout 4s"), Statistics::default());
        let mut session = Session::new(&options, &statistics);
        session.space()[..4].copy_from_slice(b"half");
        session.receive(Input::Bytes(4));
        assert_eq!(session.step(), Step::Read);
        let idle_at = session.idle_at();
        session.receive(Input::Late);
        assert_eq!((session.step(), session.idle_at()), (Step::Read, idle_at));
        session.space()[..1].copy_from_slice(b"\n");
        session.receive(Input::Bytes(1));
        assert!(session.idle_at() > idle_at);
    }

    #[test]
    fn clients_crash_their_handler_only_where_they_may() {
        let text = "Panic\nAbort\n".to_owned();
        assert_eq!(steps("test", text.as_bytes()), [(Step::Read, text.clone())]);
        let allowed = steps("test --allow-crash", b"one\nPanic\nAbort\n");
        let expected = [
            (Step::Crash(Crash::Panic), "one\n".to_owned()),
            (Step::Crash(Crash::Abort), String::new()),
            (Step::Read, String::new()),
        ];
        assert_eq!(allowed, expected);
    }
}
