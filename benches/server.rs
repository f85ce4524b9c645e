//! The program whose processes the benchmarks measure: `bench-server serve MODEL [OPTION ...]` runs one
//! server, as `lab serve` does.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(2).collect();
    let Some((model, arguments)) = words.split_first() else {
        eprintln!("bench-server: the benchmarks start it: cargo bench");
        return ExitCode::FAILURE;
    };
    lab::serve::serve(&model.to_string_lossy(), arguments).unwrap_or_else(|error| {
        eprintln!("bench-server: {error}");
        ExitCode::FAILURE
    })
}
