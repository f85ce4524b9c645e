//! The tempting bug of each model, small and labelled. **Do not copy.** The book shows each with
//! its symptom, and the tests of this package wait for the symptom.
//!
//! `cargo run -p bugs -- NAME` listens on a free port of 127.0.0.1 with that bug.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

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

/// A server that never returns but by an error.
type Bug = fn(TcpListener) -> io::Result<()>;

const BUGS: &[(&str, Bug)] = &[
    ("one-client-ends-all", one_client_ends_all::run),
    ("unreaped-child", unreaped_child::run),
    ("descriptor-left-open", descriptor_left_open::run),
    ("unreplaced-worker", unreplaced_worker::run),
    ("forked-counter", forked_counter::run),
    ("shared-stream", shared_stream::run),
    ("signal-stacks", signal_stacks::run),
    ("lost-update", lost_update::run),
    ("lock-held", lock_held::run),
    ("write-interest", write_interest::run),
    ("blocked-loop", blocked_loop::run),
    ("blocking-call", blocking_call::run),
    #[cfg(target_os = "linux")]
    ("early-buffer", early_buffer::run),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, bug)) = BUGS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = BUGS.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        eprintln!("bugs: there is no bug {name:?}; there are {names}");
        return ExitCode::from(2);
    };
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("listening on {}", listener.local_addr()?);
        bug(listener)
    };
    if let Err(error) = listen() {
        eprintln!("bugs: {error}");
    }
    ExitCode::FAILURE
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
