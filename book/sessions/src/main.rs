//! Types what the README and the book show into a shell, and looks whether what comes out still has
//! the shape of what they show.
//!
//! `cargo run -p sessions` tries all of it; `cargo run -p sessions -- --write` renews the files in
//! `book/src/outputs`. It runs in a checkout whose workspace is built: `cargo build --release
//! --workspace`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use clap::Parser;

mod pages;
mod session;
mod shape;
mod shell;
mod tools;

use session::Session;

/// How often a session is tried that comes out otherwise: some are measurements, and the machine may be
/// busy with something else for a moment.
const TRIES: usize = 3;

/// Tries the sessions that the README and the book show.
#[derive(Parser)]
#[command(name = "sessions")]
struct Options {
    /// Writes what came out into the files of book/src/outputs, and tries nothing else
    #[arg(long)]
    write: bool,
    /// Only those whose file name contains one of these words
    words: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("sessions: {failed} came out otherwise. Where that is right, renew them:");
            eprintln!("sessions: cargo run -p sessions -- --write");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("sessions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many came out otherwise.
fn run(options: &Options) -> io::Result<usize> {
    env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let mut sessions = recorded()?;
    if !options.write {
        sessions.extend(pages::sessions()?);
    }
    let is_wanted = |place: &str| {
        options.words.is_empty() || options.words.iter().any(|word| place.contains(word))
    };
    let mut failed = 0;
    for session in sessions.iter().filter(|session| is_wanted(&session.place)) {
        if let Some(tool) = tools::lacking(session) {
            println!("left out {}: {tool} cannot be used here", session.place);
            continue;
        }
        if options.write {
            fs::write(&session.place, shell::run(session)?.to_string())?;
            println!("wrote  {}", session.place);
            continue;
        }
        match difference(session) {
            None => println!("ok     {}", session.place),
            Some(difference) => {
                failed += 1;
                println!("FAILED {}\n{difference}", session.place);
            }
        }
    }
    Ok(failed)
}

/// What comes out otherwise, each time that it is tried.
fn difference(session: &Session) -> Option<String> {
    let mut difference = None;
    for _ in 0..TRIES {
        match shell::run(session) {
            Ok(came) => difference = session.differs_from(&came),
            // One that hangs does so for minutes: once is enough.
            Err(error) => return Some(error.to_string()),
        }
        if difference.is_none() {
            break;
        }
    }
    difference
}

/// The sessions that stand in files, whose output is held against what they show.
fn recorded() -> io::Result<Vec<Session>> {
    let files = fs::read_dir("book/src/outputs")?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<PathBuf> = files.collect::<io::Result<_>>()?;
    files.sort();
    let session = |file: PathBuf| {
        let text = fs::read_to_string(&file)?;
        Ok(Session::read(&file.to_string_lossy(), text.lines(), true))
    };
    files.into_iter().map(session).collect()
}
