//! Ctrl-C while the lab measures.

use std::process;
use std::thread;

use anyhow::Context;
use server_core::{SelfPipe, Shutdown};
use server_process::kill_all;

/// From here on SIGINT, SIGTERM and SIGHUP end this process with one line and the status of a shell, and
/// take its servers along before these tell of the clients that left them.
pub(super) fn watch() -> anyhow::Result<()> {
    let (shutdown, pipe) = (Shutdown::get()?, SelfPipe::new()?);
    pipe.waker().wake_on(Shutdown::signals())?;
    let wait = move || {
        let status = loop {
            match (pipe.wait(None), shutdown.status()) {
                (Err(_), _) => return,
                (Ok(()), Some(status)) => break status,
                (Ok(()), None) => {}
            }
        };
        kill_all();
        eprintln!("\nlab: interrupted: what was measured so far is not written");
        process::exit(status);
    };
    thread::Builder::new().spawn(wait).context("cannot watch for signals")?;
    Ok(())
}
