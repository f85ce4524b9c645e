//! The echo service with a thread per connection, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&thread_server::MODEL, std::env::args_os())
}
