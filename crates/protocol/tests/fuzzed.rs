//! The body of the fuzz target `decoder`, with generated streams: for machines without a nightly
//! compiler.

use proptest::prelude::*;
use protocol::Framing;

#[path = "../../../fuzz/bodies/decoder.rs"]
mod body;

/// Reads of bytes that a decoder looks at, and of any others.
fn reads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let special = prop::sample::select(b"\n\nabc\r\xe7\xac\xac\xff".to_vec());
    let byte = prop_oneof![4 => special, 1 => any::<u8>()];
    prop::collection::vec(prop::collection::vec(byte, 0..40), 0..12)
}

proptest! {
    #[test]
    fn the_decoder_keeps_its_promises(raw in any::<bool>(), limit in 1..60usize, reads in reads()) {
        let framing = if raw { Framing::Raw } else { Framing::Line };
        body::keeps_its_promises(framing, limit, &reads);
    }
}
