//! The echo service with a task per connection, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    server_core::launch(&async_server::MODEL, std::env::args_os())
}
