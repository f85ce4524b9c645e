//! The echo service with completions, as a program.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    server_core::launch(&uring_server::MODEL, std::env::args_os())
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("uring-server: io_uring is Linux's alone");
    ExitCode::FAILURE
}
