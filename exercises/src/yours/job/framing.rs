//! Find the messages in a stream of bytes.

/// Takes the whole messages out of `received`: each ends with `\n`, and is returned without it.
/// What is left behind the last `\n` stays in `received`, until more comes. A message that is not
/// UTF-8 is returned with replacement characters.
///
/// As it stands, whatever came is one message: the mistake of every first server.
pub fn take_messages(received: &mut Vec<u8>) -> Vec<String> {
    let message = String::from_utf8_lossy(received).into_owned();
    received.clear();
    vec![message]
}
