//! Types what the README and the book show into a shell, and looks whether what comes out still has
//! the shape of what they show.
//!
//! `cargo run -p sessions` tries all of it; `cargo run -p sessions -- --write` renews the files in
//! `book/src/outputs`. It runs in a checkout whose workspace is built: `cargo build --release
//! --workspace`.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io, thread};

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
    sessions.retain(|session| is_wanted(&session.place));
    sessions.retain(|session| {
        let lacking = tools::lacking(session);
        lacking.iter().for_each(|tool| {
            println!("left out {}: {tool} cannot be used here", session.place);
        });
        lacking.is_none()
    });
    match options.write {
        true => sessions.iter().try_for_each(write).map(|()| 0),
        false => Ok(try_all(&sessions)),
    }
}

fn write(session: &Session) -> io::Result<()> {
    fs::write(&session.place, shell::run(session)?.to_string())?;
    println!("wrote  {}", session.place);
    Ok(())
}

/// How many came out otherwise. There is one port of the tour, so that those who use it come one after the
/// other; beside them the others do.
fn try_all(sessions: &[Session]) -> usize {
    let (at_the_port, elsewhere): (Vec<&Session>, Vec<&Session>) =
        sessions.iter().partition(|session| session.uses_the_port());
    thread::scope(|scope| {
        let beside = scope.spawn(|| elsewhere.into_iter().filter(|it| !comes_out(it)).count());
        let failed = at_the_port.into_iter().filter(|it| !comes_out(it)).count();
        failed + beside.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn comes_out(session: &Session) -> bool {
    let difference = difference(session);
    match &difference {
        None => println!("ok     {}", session.place),
        Some(difference) => println!("FAILED {}\n{difference}", session.place),
    }
    difference.is_none()
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
