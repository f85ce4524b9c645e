//! The echo service with an event loop by hand, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&event_server::MODEL, std::env::args_os())
}
