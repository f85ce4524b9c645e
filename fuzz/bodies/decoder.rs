//! What a decoder promises of any bytes, in any reads. The body of a fuzz target, and of a property
//! test (`crates/protocol/tests/fuzzed.rs`).

use protocol::{DecodeError, Decoder, Framing};

/// Sees the promises kept.
///
/// # Panics
///
/// Where one is broken.
pub(crate) fn keeps_its_promises(framing: Framing, limit: usize, reads: &[Vec<u8>]) {
    let bytes = reads.concat();
    let (messages, error) = decode(framing, limit, reads);
    let text = messages.concat();
    assert!(bytes.starts_with(text.as_bytes()), "something was replaced or invented");
    assert_eq!(error.is_none(), text.len() == bytes.len(), "not all, and no error");
    let is_short = |it: &String| it.strip_suffix('\n').unwrap_or(it).len() <= limit;
    if framing == Framing::Line {
        assert!(messages.iter().all(is_short), "a message is longer than the limit");
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        assert_eq!(messages, lines, "a message is no line");
        let in_one_read = decode(framing, limit, std::slice::from_ref(&bytes));
        assert_eq!(in_one_read, (messages, error), "other messages where nothing was cut");
    }
}

/// Every message of a stream that arrives in these reads and then ends, and the error that stopped it.
fn decode(framing: Framing, limit: usize, reads: &[Vec<u8>]) -> (Vec<String>, Option<DecodeError>) {
    let mut decoder = Decoder::new(framing, limit);
    let mut messages = Vec::new();
    for read in reads.iter().filter(|it| !it.is_empty()).chain([&Vec::new()]) {
        let mut rest = &read[..];
        loop {
            let count = rest.len().min(decoder.space().len());
            decoder.space()[..count].copy_from_slice(&rest[..count]);
            decoder.received(count);
            rest = &rest[count..];
            loop {
                match decoder.next_message() {
                    Ok(Some(message)) => messages.push(message.to_owned()),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error)),
                }
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    (messages, None)
}
