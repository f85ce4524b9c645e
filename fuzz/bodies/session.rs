//! What a whole session answers to any bytes, in any reads, held against a server in ten lines that
//! has all bytes at once. The body of a fuzz target, and of a property test
//! (`crates/server-core/tests/fuzzed.rs`).

use std::sync::LazyLock;

use clap::{Args, Command, FromArgMatches};
use server_core::{Ending, Input, Options, Session, Statistics, Step};

/// How long a message may be here, in bytes.
const LIMIT: usize = 40;

static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
    let command = Options::augment_args(Command::new("session"));
    let matches = command.get_matches_from(["session", "--max-message", "40"]);
    Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
});

/// Sees that it answers what it should, and how it ends.
///
/// # Panics
///
/// Where it does not.
pub(crate) fn answers_as_the_plain_server(reads: &[Vec<u8>]) {
    let (answers, ended) = answers(reads);
    let (right, is_good) = plain_server(&reads.concat());
    assert_eq!(String::from_utf8_lossy(&answers), String::from_utf8_lossy(&right));
    assert_eq!(ended, is_good, "whether it came to a good end");
}

/// All that a session sends, and whether it came to a good end.
fn answers(reads: &[Vec<u8>]) -> (Vec<u8>, bool) {
    let statistics = Statistics::default();
    let mut session = Session::new(&OPTIONS, &statistics);
    let mut answers = Vec::new();
    let mut input: Vec<u8> = Vec::new();
    let mut reads = reads.iter().filter(|it| !it.is_empty());
    loop {
        let step = session.step();
        while !session.answers().is_empty() {
            // As a kernel would that has little room.
            let count = session.answers().len().min(7);
            answers.extend_from_slice(&session.answers()[..count]);
            session.sent(count);
        }
        match step {
            Step::Read => {
                if input.is_empty() {
                    input = reads.next().cloned().unwrap_or_default();
                }
                let space = session.space();
                let count = input.len().min(space.len());
                space[..count].copy_from_slice(&input[..count]);
                input.drain(..count);
                session.receive(Input::Bytes(count));
            }
            Step::Close(end) => {
                return (answers, matches!(end, Ok(Ending::Bye | Ending::EndOfInput)));
            }
            Step::Work | Step::Crash(_) => panic!("nobody asked for that"),
        }
    }
}

// ANCHOR: plain
/// The same, from all bytes at once.
fn plain_server(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut answers = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.len() > LIMIT {
            answers.extend_from_slice(b"ERROR message longer than 40 bytes\n");
            return (answers, false);
        }
        if std::str::from_utf8(text).is_err() {
            answers.extend_from_slice(b"ERROR message is not UTF-8\n");
            return (answers, false);
        }
        if matches!(text, b"Bye" | b"Bye\r") {
            return (answers, true);
        }
        answers.extend_from_slice(line);
    }
    (answers, true)
}
// ANCHOR_END: plain
