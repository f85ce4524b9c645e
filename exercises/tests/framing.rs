//! The job: messages in a stream of bytes.

use exercises::framing::take_messages;
use exercises::right;

/// The messages after each read.
fn after_each(reads: &[&[u8]]) -> Vec<Vec<String>> {
    let mut received = Vec::new();
    let take = |read: &&[u8]| {
        received.extend_from_slice(read);
        take_messages(&mut received)
    };
    reads.iter().map(take).collect()
}

#[test]
fn task_1_a_line_is_a_message() {
    right!(after_each(&[b"hello\n"]), [["hello"]]);
}

#[test]
fn task_2_two_lines_in_one_read_are_two_messages() {
    right!(after_each(&[b"one\ntwo\n"]), [["one", "two"]]);
}

#[test]
fn task_3_half_a_line_waits_for_the_rest() {
    let expected = [vec![], vec!["hello".to_owned()], vec![]];
    right!(after_each(&[b"hel", b"lo\nwor", b"ld"]), expected);
}

#[test]
fn task_4_a_character_that_was_cut_comes_out_whole() {
    let (first, second) = "第\n".as_bytes().split_at(1);
    right!(after_each(&[first, second]), [vec![], vec!["第".to_owned()]]);
}

#[test]
fn task_5_an_empty_line_is_an_empty_message() {
    right!(after_each(&[b"\n\n"]), [["", ""]]);
}
