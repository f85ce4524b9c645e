//! Find the messages in a stream of bytes.

/// Takes the whole messages out of `received`: each ends with `\n`, and is returned without it.
/// What is left behind the last `\n` stays in `received`, until more comes. A message that is not
/// UTF-8 is returned with replacement characters.
pub fn take_messages(received: &mut Vec<u8>) -> Vec<String> {
    let Some(last) = received.iter().rposition(|byte| *byte == b'\n') else {
        return Vec::new();
    };
    let whole: Vec<u8> = received.drain(..=last).collect();
    // Cut at the bytes, and decode then: a character may have come in two reads.
    let lines = whole[..last].split(|byte| *byte == b'\n');
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}
