//! The echo service with a fixed pool of threads, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&pool_server::MODEL, std::env::args_os())
}
