use crate::answers::job::framing::take_messages;
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "job/framing",
    kind: Kind::Bug,
    about: "it takes whatever has arrived for one message",
    hints: [
        "A message ends at a line feed, wherever the reads end. What stands behind the last one?",
        "Find the last `\\n`. Drain what stands up to it, and split that; leave the rest for later.",
    ],
    tasks: &[
        Task::new("a line is a message", || after_each(&[b"hello\n"], &[&["hello"]])),
        Task::new("two lines in one read are two messages", || {
            after_each(&[b"one\ntwo\n"], &[&["one", "two"]])
        }),
        Task::new("half a line waits for the rest", || {
            after_each(&[b"hel", b"lo\nwor", b"ld"], &[&[], &["hello"], &[]])
        }),
        Task::new("a character that was cut comes out whole", || {
            after_each(&[b"one\n\xe7", b"\xac\xac\n"], &[&["one"], &["第"]])
        }),
        Task::new("what is not UTF-8 is a message all the same", || {
            after_each(&[b"\xff\n"], &[&["\u{fffd}"]])
        }),
        Task::new("an empty line is an empty message", || after_each(&[b"\n\n"], &[&["", ""]])),
    ],
};

/// Sees these messages come out after each read.
fn after_each(reads: &[&[u8]], messages: &[&[&str]]) -> Outcome {
    let mut received = Vec::new();
    for (read, messages) in reads.iter().zip(messages) {
        received.extend_from_slice(read);
        let what = format!("the messages after a read of \"{}\"", read.escape_ascii());
        right!(what, take_messages(&mut received), *messages);
    }
    Ok(())
}
