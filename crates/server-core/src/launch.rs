//! From a server's arguments to its exit status.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::TcpListener;
use std::process::ExitCode;

use anyhow::Context;

use crate::{Model, Options, Report, Shutdown, bind, inherited, limits, logging};

/// The whole of a server's `main`: parses `arguments` (the first is the program's name), binds,
/// prints `listening on ADDR`, runs the model until a shutdown signal, and prints what it served.
///
/// Blocks until then. A failure is one line on standard error and a status other than zero.
pub fn launch(model: &Model, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match model.parse(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    match run(model, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", model.program());
            ExitCode::FAILURE
        }
    }
}

fn run(model: &Model, options: &Options) -> anyhow::Result<()> {
    if let Some(obstacle) = model.obstacle() {
        anyhow::bail!(obstacle);
    }
    if options.bare {
        limits::raise_open_file_limit();
        return Ok((model.bare)(listen(options)?, options)?);
    }
    logging::start(options.quiet, options.log_format).context("cannot log")?;
    inherited::set_what_a_server_needs();
    Report::begin().context("cannot read the CPU time")?;
    // Before the first line of output: whoever reads it may send a signal at once.
    Shutdown::get().context("cannot catch signals")?;
    let report = (model.run)(listen(options)?, options)?;
    print(format_args!("{report}"));
    Ok(())
}

/// Binds, and says where.
fn listen(options: &Options) -> anyhow::Result<TcpListener> {
    let listener = bind(options).with_context(|| cannot_listen(options))?;
    let address = listener.local_addr().with_context(|| cannot_listen(options))?;
    print(format_args!("listening on {address}"));
    Ok(listener)
}

fn cannot_listen(options: &Options) -> String {
    format!("cannot listen on {} (`--addr` chooses another address)", options.addr)
}

/// Prints one line and flushes it. A reader that has gone does not end the server.
fn print(line: std::fmt::Arguments<'_>) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
