//! The echo service with a fixed set of processes, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&prefork_server::MODEL, std::env::args_os())
}
