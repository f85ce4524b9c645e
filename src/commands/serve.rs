//! `lab serve`: how the lab starts its servers.

use std::ffi::OsString;
use std::process::ExitCode;

use lab::serve::serve;

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
    serve(model, arguments).map_err(anyhow::Error::msg)
}
