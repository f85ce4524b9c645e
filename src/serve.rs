//! One server in this process, as its own program runs it: what the lab and the benchmarks start.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::models;
use crate::servers::ballast;

/// Runs `model` with its program's `arguments` to its end, and returns its status. It ends with the process
/// that started it, where the system can see to that. Blocks until then.
///
/// # Errors
///
/// One line that lists the models, where this is none of them.
pub fn serve(model: &str, arguments: &[OsString]) -> Result<ExitCode, String> {
    let model = models::find(model)?;
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM);
    let program = OsString::from(model.program());
    let (ballast, arguments) = ballast::take(arguments);
    let status = server_core::launch(&model, [program].into_iter().chain(arguments));
    drop(ballast);
    Ok(status)
}
