//! The echo service for one client at a time, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&iterative_server::MODEL, std::env::args_os())
}
