//! `cargo +nightly fuzz run decoder`: any bytes, in any reads.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use protocol::Framing;

#[path = "../bodies/decoder.rs"]
mod body;

#[derive(Arbitrary, Debug)]
struct Stream {
    is_raw: bool,
    limit: u8,
    reads: Vec<Vec<u8>>,
}

fuzz_target!(|stream: Stream| {
    let framing = if stream.is_raw { Framing::Raw } else { Framing::Line };
    body::keeps_its_promises(framing, usize::from(stream.limit).max(1), &stream.reads);
});
