//! What the decoder promises, as properties over generated streams.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 64;

/// Puts the first of `bytes` into the decoder as one read and returns the rest, which did not fit.
fn read<'a>(decoder: &mut Decoder, bytes: &'a [u8]) -> &'a [u8] {
    let space = decoder.space();
    let count = bytes.len().min(space.len());
    space[..count].copy_from_slice(&bytes[..count]);
    decoder.received(count);
    &bytes[count..]
}

fn take_all(decoder: &mut Decoder, messages: &mut Vec<String>) -> Result<(), DecodeError> {
    while let Some(message) = decoder.next_message()? {
        messages.push(message.to_owned());
    }
    Ok(())
}

/// Every message of a stream that arrives in these reads and then ends, and the error that
/// stopped it.
fn decode(framing: Framing, limit: usize, reads: &[&[u8]]) -> (Vec<String>, Option<DecodeError>) {
    let mut decoder = Decoder::new(framing, limit);
    let mut messages = Vec::new();
    for mut bytes in reads.iter().copied().filter(|read| !read.is_empty()).chain([&b""[..]]) {
        loop {
            bytes = read(&mut decoder, bytes);
            if let Err(error) = take_all(&mut decoder, &mut messages) {
                return (messages, Some(error));
            }
            if bytes.is_empty() {
                break;
            }
        }
    }
    (messages, None)
}

/// The pieces of `bytes` between the cuts, none of them empty.
fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..40)
}

/// Streams with short lines, lines around the limit, several alphabets, and broken UTF-8.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z第条消息é🦀]{0,12}\r?\n".prop_map(String::into_bytes),
        1 => "[a-z第]{15,70}\n?".prop_map(String::into_bytes),
        1 => Just(b"Bye\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    // ANCHOR: property
    #[test]
    fn the_same_lines_come_out_however_the_stream_was_cut(stream in stream(), cuts in cuts()) {
        let whole = decode(Framing::Line, LIMIT, &[&stream]);
        prop_assert_eq!(decode(Framing::Line, LIMIT, &cut(&stream, &cuts)), whole);
    }
    // ANCHOR_END: property

    #[test]
    fn lines_are_those_that_a_plain_split_finds(text in "([a-z第é🦀]{0,9}\r?\n){0,9}[a-z第]{0,9}") {
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        prop_assert_eq!(decode(Framing::Line, LIMIT, &[text.as_bytes()]), (lines, None));
    }

    #[test]
    fn raw_reads_join_to_the_text_that_was_sent_however_it_was_cut(
        text in "[a-z第é🦀\n]{0,80}",
        cuts in cuts(),
    ) {
        let (messages, error) = decode(Framing::Raw, 400, &cut(text.as_bytes(), &cuts));
        prop_assert_eq!(error, None);
        prop_assert_eq!(messages.concat(), text);
    }

    #[test]
    fn a_raw_read_of_whole_characters_is_one_message(reads in prop::collection::vec("[a-z第é🦀\n]{1,16}", 0..8)) {
        let bytes: Vec<&[u8]> = reads.iter().map(String::as_bytes).collect();
        prop_assert_eq!(decode(Framing::Raw, LIMIT, &bytes), (reads.clone(), None));
    }

    #[test]
    fn any_bytes_give_text_or_an_error_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in cuts(),
        raw in any::<bool>(),
        limit in 1..80usize,
    ) {
        let framing = if raw { Framing::Raw } else { Framing::Line };
        let (messages, error) = decode(framing, limit, &cut(&bytes, &cuts));
        let text = messages.concat();
        prop_assert!(bytes.starts_with(text.as_bytes()), "nothing is replaced or invented");
        prop_assert_eq!(error.is_none(), text.len() == bytes.len(), "all of it or an error");
    }

    #[test]
    fn a_message_of_exactly_the_limit_passes_and_one_byte_more_fails(
        limit in 1..200_000usize,
        raw in any::<bool>(),
    ) {
        let framing = if raw { Framing::Raw } else { Framing::Line };
        let message = |length| "x".repeat(length) + framing.line_end();
        let longest = message(limit);
        prop_assert_eq!(decode(framing, limit, &[longest.as_bytes()]), (vec![longest.clone()], None));
        let over = message(limit + 1);
        let too_long = Some(DecodeError::TooLong { limit });
        prop_assert_eq!(decode(framing, limit, &[over.as_bytes()]), (vec![], too_long));
    }

    #[test]
    fn invalid_utf8_is_an_error_behind_the_messages_before_it(
        before in "[a-z第]{1,9}",
        invalid in prop::sample::select(vec![&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xe7\xac"]),
        cuts in cuts(),
    ) {
        let bytes = [before.as_bytes(), b"\n", invalid, b"\n"].concat();
        let expected = (vec![before + "\n"], Some(DecodeError::NotUtf8));
        prop_assert_eq!(decode(Framing::Line, LIMIT, &cut(&bytes, &cuts)), expected);
    }
}

#[test]
fn a_character_that_reads_split_is_held_until_it_is_whole() {
    let text = "第🦀\n";
    for place in 1..text.len() {
        let (first, second) = text.as_bytes().split_at(place);
        let (lines, _) = decode(Framing::Line, LIMIT, &[first, second]);
        assert_eq!(lines, [text], "line framing, cut at {place}");
        let (reads, error) = decode(Framing::Raw, LIMIT, &[first, second]);
        assert_eq!((reads.concat().as_str(), error), (text, None), "raw framing, cut at {place}");
    }
}

#[test]
fn a_character_that_the_end_cuts_off_is_not_utf8() {
    for framing in [Framing::Line, Framing::Raw] {
        let decoded = decode(framing, LIMIT, &[b"\xe7\xac"]);
        assert_eq!(decoded, (vec![], Some(DecodeError::NotUtf8)), "{framing}");
    }
}

#[test]
fn an_over_long_line_fails_before_its_end_arrives() {
    let mut decoder = Decoder::new(Framing::Line, 4);
    read(&mut decoder, b"12345");
    assert_eq!(decoder.next_message(), Err(DecodeError::TooLong { limit: 4 }));
}

#[test]
fn a_carriage_return_counts_against_the_limit_and_the_line_feed_does_not() {
    assert_eq!(decode(Framing::Line, 4, &[b"123\r\n"]), (vec!["123\r\n".to_owned()], None));
    assert!(decode(Framing::Line, 4, &[b"1234\r\n"]).1.is_some());
}

#[test]
fn a_connection_that_was_silent_has_allocated_nothing() {
    assert_eq!(Decoder::new(Framing::Line, LIMIT).buffer.capacity(), 0);
}

#[test]
fn the_space_grows_while_reads_fill_it_and_stops_at_its_bound() {
    let mut decoder = Decoder::new(Framing::Line, 70_000);
    let mut sizes = Vec::new();
    for _ in 0..9 {
        let size = decoder.space().len();
        read(&mut decoder, &b"\n".repeat(size));
        take_all(&mut decoder, &mut Vec::new()).unwrap();
        sizes.push(size);
    }
    assert_eq!(sizes, [1024, 2048, 4096, 8192, 16384, 32768, 65536, 70_001, 70_001]);
}

#[test]
fn the_space_stops_at_its_bound_where_messages_are_short() {
    let mut decoder = Decoder::new(Framing::Line, LIMIT);
    for _ in 0..9 {
        let size = decoder.space().len();
        read(&mut decoder, &b"\n".repeat(size));
        take_all(&mut decoder, &mut Vec::new()).unwrap();
    }
    assert_eq!(decoder.space().len(), 65536);
}

#[test]
fn what_is_no_whole_message_is_left_over() {
    let mut decoder = Decoder::new(Framing::Line, LIMIT);
    assert_eq!(decoder.leftover(), b"");
    read(&mut decoder, b"one\ntw");
    assert_eq!(decoder.next_message(), Ok(Some("one\n")));
    assert_eq!(decoder.leftover(), b"tw");
}
