//! The body of the fuzz target `session`, with generated streams: for machines without a nightly
//! compiler.

use proptest::prelude::*;

#[path = "../../../fuzz/bodies/session.rs"]
mod body;

/// Lines, whole and broken, cut into reads of any length.
fn reads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        6 => "[a-z第🦀]{0,12}\r?\n".prop_map(String::into_bytes),
        1 => Just(b"Bye\r\n".to_vec()),
        1 => "[a-z]{20,60}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let stream = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    (stream, 1..50usize)
        .prop_map(|(stream, size)| stream.chunks(size).map(<[u8]>::to_vec).collect())
}

proptest! {
    #[test]
    fn a_session_answers_as_a_plain_server_would(reads in reads()) {
        body::answers_as_the_plain_server(&reads);
    }
}
