//! A server that is not ours, beside the models.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use client::conversation;
use nix::unistd::Pid;
use server_core::{AtOnce, Ending, Model, Properties, Unit};
use server_process::StartCommand;

/// Where it is.
#[derive(Clone, Debug)]
pub enum Foreign {
    /// It runs at this address, in this process where that is known.
    At(SocketAddr, Option<Pid>),
    /// This command starts it.
    Start(StartCommand),
}

/// What stands in the place of its model, which is not known.
pub const MODEL: Model = Model {
    name: "not ours",
    about: "A server that is not ours",
    unit: Unit::None,
    at_once: AtOnce::All,
    properties: Properties::NONE,
    run: |_, _| Err(io::ErrorKind::Unsupported.into()),
    bare: |_, _| Err(io::ErrorKind::Unsupported.into()),
};

/// How long it may take to show whether it knows `Bye`.
const PATIENCE: Duration = Duration::from_secs(5);

/// How its clients leave: by `Bye`, or where it sends that back by the end of their side.
///
/// # Errors
///
/// When it cannot be reached, or does neither.
pub fn farewell(server: SocketAddr) -> io::Result<Ending> {
    let mut stream = conversation::connect(server, PATIENCE).map_err(|error| {
        io::Error::other(format!("cannot connect to {server}: {}", error.failure))
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"Bye\n")?;
    let mut answer = Vec::new();
    // It may come in two parts, and what is not read would reset the connection.
    let read = stream.take(4).read_to_end(&mut answer).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => io::Error::other(format!("no answer to \"Bye\" in {PATIENCE:?}")),
        _ => error,
    });
    match read? {
        0 => Ok(Ending::Bye),
        _ if answer == b"Bye\n" => Ok(Ending::EndOfInput),
        _ => {
            let answer = String::from_utf8_lossy(&answer).into_owned();
            Err(io::Error::other(format!("it answered \"Bye\" with {answer:?}")))
        }
    }
}
