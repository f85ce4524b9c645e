//! The tempting bug of each model, small and labelled. **Do not copy.** The book shows each with
//! what to type to see it, and the tests of this package wait for what is seen.
//!
//! `cargo run -p bugs` lists them, and `cargo run -p bugs -- NAME` listens with that bug.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use clap::Parser;

mod blocked_loop;
mod blocking_call;
mod descriptor_left_open;
#[cfg(target_os = "linux")]
mod early_buffer;
mod event_loop;
mod forked_counter;
mod lock_held;
mod lost_update;
mod one_client_ends_all;
mod shared_stream;
mod signal_stacks;
mod unreaped_child;
mod unreplaced_worker;
mod write_interest;

/// A server with a bug.
struct Bug {
    name: &'static str,
    /// The bug in a line.
    about: &'static str,
    /// Serves with it, and never returns but by an error.
    run: fn(TcpListener) -> io::Result<()>,
}

const fn bug(
    name: &'static str,
    about: &'static str,
    run: fn(TcpListener) -> io::Result<()>,
) -> Bug {
    Bug { name, about, run }
}

const BUGS: &[Bug] = &[
    bug(
        "one-client-ends-all",
        "one client's failure is taken for the server's",
        one_client_ends_all::run,
    ),
    bug("unreaped-child", "nobody asks how a child ended", unreaped_child::run),
    bug(
        "descriptor-left-open",
        "the parent keeps its copy of each connection",
        descriptor_left_open::run,
    ),
    bug("forked-counter", "each child counts in its own copy", forked_counter::run),
    bug("unreplaced-worker", "a worker that ends is not replaced", unreplaced_worker::run),
    bug("shared-stream", "a list keeps a second handle of each connection", shared_stream::run),
    bug("signal-stacks", "each thread pays for a second stack", signal_stacks::run),
    bug("lost-update", "a count is read, and written later", lost_update::run),
    bug("lock-held", "the queue's lock is held while a client is served", lock_held::run),
    bug("write-interest", "the loop asks to write with nothing to write", write_interest::run),
    bug("blocked-loop", "a handler sleeps, and the loop with it", blocked_loop::run),
    bug("blocking-call", "a task sleeps, and its thread with it", blocking_call::run),
    #[cfg(target_os = "linux")]
    bug("early-buffer", "a buffer is given back while the kernel has it", early_buffer::run),
];

/// Runs a server that has one typical bug. Without a name, lists them
#[derive(Parser)]
#[command(name = "bugs")]
struct Options {
    /// Which bug
    name: Option<String>,
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5555")]
    addr: SocketAddr,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let Some(name) = options.name else {
        print(BUGS.iter().map(|bug| format!("{:<21} {}\n", bug.name, bug.about)).collect());
        return ExitCode::SUCCESS;
    };
    let Some(bug) = BUGS.iter().find(|bug| bug.name == name) else {
        eprintln!("bugs: there is no bug {name:?}; cargo run -p bugs lists them");
        return ExitCode::from(2);
    };
    if let Err(error) = serve(bug, options.addr) {
        eprintln!("bugs: {error}");
    }
    ExitCode::FAILURE
}

fn serve(bug: &Bug, addr: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(addr)?;
    print(format!("listening on {}; the bug: {}\n", listener.local_addr()?, bug.about));
    (bug.run)(listener)
}

/// Whoever does not read it has read enough.
fn print(text: String) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Echoes lines until `Bye` or the end. There is no bug in it.
fn echo(stream: &TcpStream) -> io::Result<()> {
    let mut output = stream;
    for line in BufReader::new(stream).lines() {
        match line?.as_str() {
            "Bye" => break,
            text => output.write_all(format!("{text}\n").as_bytes())?,
        }
    }
    Ok(())
}
