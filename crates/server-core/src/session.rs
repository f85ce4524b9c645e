//! What a connection handler decides, apart from how it reads and writes.

use std::fmt;

use protocol::{DecodeError, Decoder, Request};
use tracing::{Dispatch, callsite, dispatcher, info};

use crate::{Excerpt, Options, ShutdownSignal, Statistics};

/// One connection's conversation without its I/O: bytes in, [`Step`]s out. The blocking handler
/// and the asynchronous one both drive it, so they cannot drift apart.
#[derive(Debug)]
pub struct Session<'a> {
    options: &'a Options,
    statistics: &'a Statistics,
    decoder: Decoder,
    answers: Vec<u8>,
    /// How many messages the answers answer.
    unsent: u64,
    ended: bool,
}

/// What the handler does next. Each step says what becomes of [`Session::answers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the answers, then read into [`Session::space`].
    Read,
    /// Work for `--delay`, then send the answer.
    Work,
    /// Send the answers, then crash.
    Crash(Crash),
    /// Send the answers, then close.
    Close(Result<Ending, DecodeError>),
}

/// How a conversation came to a good end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said `Bye`.
    Bye,
    /// The client ended its sending side, or a shutdown ended our receiving side.
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
    /// A conversation that has not begun.
    pub fn new(options: &'a Options, statistics: &'a Statistics) -> Self {
        let decoder = Decoder::new(options.framing, options.max_message);
        Session { options, statistics, decoder, answers: Vec::new(), unsent: 0, ended: false }
    }

    /// A conversation that has not begun, for a process that forks: its memory is allocated, and
    /// the code that it will run has run once, with nobody. A child that takes its copy touches
    /// fewer pages, and each page that a child touches first costs it a fault.
    pub fn rehearsed(options: &'a Options, statistics: &'a Statistics) -> Self {
        Session::new(options, &Statistics::default()).rehearse();
        let mut session = Session::new(options, statistics);
        let size = session.space().len();
        session.answers.reserve(size);
        session
    }

    fn rehearse(&mut self) {
        let silence = dispatcher::set_default(&Dispatch::none());
        for read in [&b"rehearsal\n"[..], b""] {
            self.step();
            let count = read.len().min(self.space().len());
            self.space()[..count].copy_from_slice(&read[..count]);
            self.received(count);
        }
        self.step();
        drop(silence);
        // What asked to log in silence was told never to ask again.
        callsite::rebuild_interest_cache();
    }

    /// What the server was asked to do.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// Where the next read puts its bytes; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.decoder.space()
    }

    /// Says that a read put `count` bytes into [`space`](Self::space), none at the input's end.
    ///
    /// A shutdown ends the input too. What it cuts off in the middle is no message.
    pub fn received(&mut self, count: usize) {
        self.ended = count == 0;
        if !(self.ended && ShutdownSignal::was_requested()) {
            self.decoder.received(count);
        }
    }

    /// The answers that are to be sent.
    pub fn answers(&self) -> &[u8] {
        &self.answers
    }

    /// Says that they were.
    pub fn sent(&mut self) {
        self.answers.clear();
        self.statistics.answered(std::mem::take(&mut self.unsent));
    }

    /// Whether input came that will not be answered any more.
    pub fn has_leftover(&self) -> bool {
        self.decoder.has_leftover()
    }

    /// Answers what has been received, up to the next thing that only the handler can do.
    pub fn step(&mut self) -> Step {
        loop {
            let message = match self.decoder.next_message() {
                Ok(Some(message)) => message,
                Ok(None) if self.ended => return Step::Close(Ok(Ending::EndOfInput)),
                Ok(None) => return Step::Read,
                Err(reason) => {
                    self.answers.extend_from_slice(format!("ERROR {reason}\n").as_bytes());
                    return Step::Close(Err(reason));
                }
            };
            info!("{}", Excerpt(message));
            match Request::parse(message, self.options.allow_crash) {
                Request::Echo(message) => self.answers.extend_from_slice(message.as_bytes()),
                Request::Bye => return Step::Close(Ok(Ending::Bye)),
                Request::Panic => return Step::Crash(Crash::Panic),
                Request::Abort => return Step::Crash(Crash::Abort),
            }
            self.unsent += 1;
            if !self.options.delay.is_zero() {
                return Step::Work;
            }
        }
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

    /// What a session does with one read of `bytes`, and what it has to send after each step.
    fn steps(line: &str, bytes: &[u8]) -> Vec<(Step, String)> {
        let (options, statistics) = (options(line), Statistics::default());
        let mut session = Session::new(&options, &statistics);
        assert_eq!(session.step(), Step::Read);
        session.space()[..bytes.len()].copy_from_slice(bytes);
        session.received(bytes.len());
        let mut steps = Vec::new();
        loop {
            let step = session.step();
            let answers = String::from_utf8(session.answers().to_vec()).unwrap();
            session.sent();
            steps.push((step, answers));
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
    fn a_refused_message_is_answered_with_its_reason() {
        let reason = DecodeError::TooLong { limit: 3 };
        let answer = "one\nERROR message longer than 3 bytes\n".to_owned();
        let expected = [(Step::Close(Err(reason)), answer)];
        assert_eq!(steps("test --max-message 3", b"one\nfour\nfive\n"), expected);
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
