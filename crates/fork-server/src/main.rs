//! The echo service with a process per connection, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&fork_server::MODEL, std::env::args_os())
}
