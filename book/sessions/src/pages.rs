//! The commands that stand in the pages themselves.

use std::{fs, io};

use crate::session::Session;

/// What is not tried, by its beginning, and why.
const LEFT_OUT: [(&str, &str); 15] = [
    ("cargo run --release  ", "the gate runs the comparison"),
    ("cargo run --release --", "the gate runs the report, which has every experiment"),
    ("cargo test", "the gate runs all tests"),
    ("cargo bench", "the gate runs each benchmark once"),
    ("cargo install", "the gate installs what it needs"),
    ("cargo build", "it is built before this begins"),
    ("cargo run -p exercises", "its status is 1 while something is to be done; two files show it"),
    ("cargo run -p interleavings --features", "as the exercises"),
    ("cargo +nightly", "there may be no such compiler; .ci/fuzz runs it where there is one"),
    ("mdbook serve", "the gate builds the book"),
    ("perf ", "it is no part of this project, and a machine may lack it"),
    ("target/release/bugs signal-stacks", "the load for perf, which may be lacking"),
    ("strace ", "as perf"),
    ("bash -c \"trap", "as perf"),
    ("bash -c 'ulimit -u", "there is no such limit for root"),
];

/// Those of the README, with the output that it shows, and of every page, whose output stands in files.
pub(crate) fn sessions() -> io::Result<Vec<Session>> {
    let mut files: Vec<_> = fs::read_dir("book/src")?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|it| it == "md"))
        .collect();
    files.push("README.md".into());
    files.sort();
    let mut sessions = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        sessions.extend(of_page(&file.to_string_lossy(), &text));
    }
    Ok(sessions)
}

/// The blocks of commands in a page that are not left out.
fn of_page(file: &str, text: &str) -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut block: Option<(usize, Vec<&str>)> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.trim(), block.as_mut()) {
            ("```console", None) => block = Some((number + 2, Vec::new())),
            ("```", Some(_)) => {
                let (begin, lines) = block.take().unwrap_or_default();
                let place = format!("{file}:{begin}");
                let mut session = Session::read(&place, lines.into_iter(), true);
                session.shows_output = session.steps.iter().any(|step| !step.output.is_empty());
                sessions.push(session);
            }
            (_, Some((_, lines))) if !line.starts_with("{{") => lines.push(line),
            _ => {}
        }
    }
    let is_tried = |session: &Session| {
        let left_out = |command: &str| LEFT_OUT.iter().any(|(begin, _)| command.starts_with(begin));
        !session.steps.is_empty() && !session.steps.iter().any(|step| left_out(&step.command))
    };
    sessions.retain(is_tried);
    sessions
}
