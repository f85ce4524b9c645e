//! The rules of the protocol, one by one.

use std::thread;
use std::time::{Duration, Instant};

use super::Target;
use super::peer::{Difference, Peer};

/// Lines of different lengths, 1 to `count`, some of them with characters of several bytes. Each
/// is far shorter than any limit.
pub(super) fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("第 {number} 条消息 {}\n", "x".repeat(number % 40))).collect()
}

/// Sends a text, ends the client's side, and has it all back.
fn there_and_back(target: &Target, text: &str) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send(text);
    peer.half_close();
    peer.expect_end(text)
}

pub(super) fn one_message(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    for message in ["hello\n", "hello again\n"] {
        peer.exchange(message)?;
    }
    Ok(())
}

pub(super) fn byte_by_byte(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    let text = lines(10);
    for byte in text.as_bytes() {
        peer.send([*byte]);
    }
    peer.expect(text)
}

pub(super) fn a_thousand_at_once(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    let text = lines(1000);
    peer.send(&text);
    peer.expect(&text)
}

pub(super) fn crlf(target: &Target) -> Result<(), Difference> {
    there_and_back(target, &lines(10).replace('\n', "\r\n"))
}

pub(super) fn empty_lines(target: &Target) -> Result<(), Difference> {
    there_and_back(target, &"\n\r\n".repeat(100))
}

pub(super) fn characters(target: &Target) -> Result<(), Difference> {
    let controls: String = (0..32_u8).filter(|byte| *byte != b'\n').map(char::from).collect();
    there_and_back(
        target,
        &format!("{controls}\u{7f}\nŽluťoučký kůň\n第一条\n🦀🦀🦀\n\u{10ffff}\n"),
    )
}

pub(super) fn exactly_the_limit(target: &Target) -> Result<(), Difference> {
    let longest = "x".repeat(target.max_message);
    there_and_back(target, &format!("{longest}\n{}\r\n{longest}", &longest[1..]))
}

pub(super) fn half_close(target: &Target) -> Result<(), Difference> {
    there_and_back(target, &(lines(5) + "a last line without its end"))
}

pub(super) fn nothing_sent(target: &Target) -> Result<(), Difference> {
    there_and_back(target, "")
}

pub(super) fn leave_and_reset(target: &Target) -> Result<(), Difference> {
    for _ in 0..20 {
        drop(Peer::connect(target)?);
        Peer::connect(target)?.reset();
        let mut leaving = Peer::connect(target)?;
        leaving.send("half a mess");
        leaving.reset();
    }
    let mut peer = Peer::connect(target)?;
    peer.exchange("still there?\n")
}

/// The second is not answered before the first has left, where a server serves one at a time.
pub(super) fn two_clients(target: &Target) -> Result<(), Difference> {
    let (mut first, mut second) = (Peer::connect(target)?, Peer::connect(target)?);
    first.send("first\n");
    second.send("second\n");
    first.expect("first\n")?;
    drop(first);
    second.expect("second\n")
}

pub(super) fn bye(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("Bye\n");
    peer.expect_end("")
}

pub(super) fn bye_amid_a_batch(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send(lines(20) + "Bye\n" + &lines(2000));
    peer.expect_end(lines(20))
}

pub(super) fn bye_crlf(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("hello\r\nBye\r\n");
    peer.expect_end("hello\r\n")
}

pub(super) fn bye_unended(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("hello\nBye");
    peer.half_close();
    peer.expect_end("hello\n")
}

pub(super) fn not_bye(target: &Target) -> Result<(), Difference> {
    there_and_back(target, "bye\nBYE\n Bye\nBye \nBye!\nBye\r\r\nGood Bye\n")
}

pub(super) fn over_long(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("x".repeat(target.max_message + 1));
    peer.half_close();
    peer.expect_error()
}

/// Far more than one read takes: the server closes over input that it has not read.
pub(super) fn much_too_long(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("x".repeat(target.max_message + 100_000));
    peer.expect_error()
}

pub(super) fn not_utf8(target: &Target) -> Result<(), Difference> {
    for invalid in [&b"\xff"[..], b"text\xc0\xaf", b"\xed\xa0\x80", b"\xe7\xac"] {
        let mut peer = Peer::connect(target)?;
        peer.send([invalid, b"\n"].concat());
        peer.expect_error()?;
    }
    Ok(())
}

pub(super) fn answers_before_the_error(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send([lines(5).as_bytes(), b"\xff\n", lines(5).as_bytes()].concat());
    peer.expect(lines(5))?;
    peer.expect_error()
}

/// A byte now and then does not make a message whole. Who has nothing under way may be silent.
pub(super) fn trickle(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.exchange("before\n")?;
    thread::sleep(target.message_timeout * 3 / 2);
    peer.exchange("behind\n")?;
    let sent = trickle_for(target.message_timeout / 2, target, &mut peer);
    peer.send("whole in time\n");
    peer.expect(sent + "whole in time\n")?;
    trickle_for(target.message_timeout, target, &mut peer);
    peer.expect_error()
}

/// Sends a byte now and then for so long, and returns what was sent.
fn trickle_for(time: Duration, target: &Target, peer: &mut Peer) -> String {
    let (begin, mut sent) = (Instant::now(), String::new());
    while begin.elapsed() < time {
        peer.send(".");
        sent.push('.');
        thread::sleep(target.message_timeout / 10);
    }
    sent
}

pub(super) fn raw_message(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    for message in ["hello", "第一条消息。", "two\nlines"] {
        peer.exchange(message)?;
    }
    Ok(())
}

/// That the whole part is answered shows that the server has read the beginning of the character too.
pub(super) fn raw_characters(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    for text in ["第", "🦀"] {
        let (beginning, rest) = text.as_bytes().split_at(1);
        peer.send([b"whole", beginning].concat());
        peer.expect("whole")?;
        peer.send(rest);
        peer.expect(text)?;
    }
    Ok(())
}

pub(super) fn raw_bye(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.exchange("hello")?;
    peer.send("Bye");
    peer.expect_end("")
}
