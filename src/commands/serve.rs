//! `lab serve`: how the lab starts its servers.

use std::ffi::OsString;
use std::process::ExitCode;

use lab::instruments::ballast;
use lab::models;

/// Which server.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The model's name
    model: String,
    /// What the model's own program would be told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs a server to its end, and returns its status.
pub(crate) fn run(Options { model, arguments }: &Options) -> anyhow::Result<ExitCode> {
    let model = models::find(model).map_err(anyhow::Error::msg)?;
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM);
    let program = OsString::from(model.program());
    let (ballast, arguments) = ballast::take(arguments);
    let status = server_core::launch(&model, [program].into_iter().chain(arguments));
    drop(ballast);
    Ok(status)
}
