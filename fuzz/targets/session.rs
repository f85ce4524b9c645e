//! `cargo +nightly fuzz run session`: any bytes, in any reads.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/session.rs"]
mod body;

fuzz_target!(|reads: Vec<Vec<u8>>| body::answers_as_the_plain_server(&reads));
