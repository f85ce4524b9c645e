//! One server in this process, as its own program runs it: what the lab and the benchmarks start.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::models;
use crate::servers::ballast;

/// This program as it was started, also when a build has replaced its file since: the servers of one run are all of
/// one build. On Linux that is a name by which each process finds its own image (proc(5)).
///
/// # Errors
///
/// Those of [`std::env::current_exe`].
pub fn this_program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok(PathBuf::from("/proc/self/exe")),
        false => std::env::current_exe(),
    }
}

/// Runs `model` with its program's `arguments` to its end, and returns its status. It ends with the process
/// that started it, where the system can see to that. Blocks until then.
///
/// # Errors
///
/// One line that lists the models, where this is none of them.
pub fn serve(model: &str, arguments: &[OsString]) -> Result<ExitCode, String> {
    let model = models::find(model)?;
    #[cfg(target_os = "linux")]
    {
        use nix::sys::{prctl, signal::Signal};
        let _ = prctl::set_pdeathsig(Signal::SIGTERM);
        // It would be called `exe`, by the name that it was started by.
        let _ = prctl::set_name(c"lab");
    }
    let program = OsString::from(model.program());
    let (ballast, arguments) = ballast::take(arguments);
    let status = server_core::launch(&model, [program].into_iter().chain(arguments));
    drop(ballast);
    Ok(status)
}
