//! From a server's arguments to its exit status.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use crate::port_holder::holder_of;
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
    // Before the first line of output: its reader may send a signal at once.
    Shutdown::get().context("cannot catch signals")?;
    let report = (model.run)(listen(options)?, options)?;
    print(format_args!("{report}"));
    Ok(())
}

/// Binds, and says where.
fn listen(options: &Options) -> anyhow::Result<TcpListener> {
    let listener = bind(options).map_err(|error| cannot_listen(options.addr, &error))?;
    let address = listener.local_addr()?;
    print(format_args!("listening on {address}"));
    Ok(listener)
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let holder = match error.kind() {
        ErrorKind::AddrInUse => holder_of(address),
        _ => None,
    };
    match holder {
        Some(holder) => anyhow!(
            "cannot listen on {address}: {holder} listens there already; end it, or choose another \
             address with `--addr` ({error})"
        ),
        None => {
            anyhow!("cannot listen on {address}: {error}; `--addr` chooses another address")
        }
    }
}

/// Prints one line and flushes it. A reader that has gone does not end the server.
fn print(line: std::fmt::Arguments<'_>) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
