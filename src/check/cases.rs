//! The rules of the protocol, one by one.

use std::thread;
use std::time::{Duration, Instant};

use protocol::Framing;

use super::peer::{Difference, Peer};
use super::{Case, Group, Target};

type Check = fn(&Target) -> Result<(), Difference>;

const fn line(group: Group, name: &'static str, check: Check) -> Case {
    Case { name, group, framing: Framing::Line, check }
}

const fn raw(group: Group, name: &'static str, check: Check) -> Case {
    Case { name, group, framing: Framing::Raw, check }
}

/// Every case, of both framings.
pub const CASES: &[Case] = &[
    line(Group::Echo, "a message comes back as it was sent", one_message),
    line(Group::Echo, "a message sent byte by byte comes back whole", byte_by_byte),
    line(Group::Echo, "a thousand messages in one write come back in order", a_thousand_at_once),
    line(Group::Echo, "lines keep their CRLF", crlf),
    line(Group::Echo, "an empty line is a message", empty_lines),
    line(Group::Echo, "control characters and other scripts come back as they were", characters),
    line(Group::Echo, "a message of the greatest length comes back whole", exactly_the_limit),
    line(Group::Echo, "a half-closed client is answered for all that it sent", half_close),
    line(Group::Echo, "a client that sends nothing and half-closes finds the end", nothing_sent),
    line(Group::Echo, "clients that leave, or reset, harm nobody", leave_and_reset),
    line(Group::Echo, "two clients get their own answers", two_clients),
    line(Group::Bye, "Bye closes the connection without an answer", bye),
    line(Group::Bye, "what came before Bye is answered, and nothing after it", bye_amid_a_batch),
    line(Group::Bye, "Bye may have a CRLF", bye_crlf),
    line(Group::Bye, "Bye may be the last line without an end", bye_unended),
    line(Group::Bye, "what only looks like Bye is a message", not_bye),
    line(Group::Error, "an over-long message gets an ERROR line, then the end", over_long),
    line(Group::Error, "the ERROR line arrives however much more was sent", much_too_long),
    line(Group::Error, "a message that is not UTF-8 gets an ERROR line, then the end", not_utf8),
    line(Group::Error, "what came before the mistake is answered", answers_before_the_error),
    line(Group::Slow, "a message not whole in time gets an ERROR line, and silence none", trickle),
    raw(Group::Echo, "raw: a message comes back as it was sent", raw_message),
    raw(Group::Echo, "raw: a character sent byte by byte comes back whole", raw_characters),
    raw(Group::Echo, "raw: a half-closed client is answered for all that it sent", half_close),
    raw(Group::Echo, "raw: clients that leave, or reset, harm nobody", leave_and_reset),
    raw(Group::Bye, "raw: Bye closes the connection without an answer", raw_bye),
    raw(Group::Bye, "raw: Bye may be typed with a line end", bye),
    raw(Group::Error, "raw: an over-long message gets an ERROR line, then the end", much_too_long),
    raw(Group::Error, "raw: a message that is not UTF-8 gets an ERROR line", not_utf8),
];

/// Lines of different lengths, 1 to `count`, some of them with characters of several bytes. Each
/// is far shorter than any limit.
fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("第 {number} 条消息 {}\n", "x".repeat(number % 40))).collect()
}

/// Sends a text, ends the client's side, and has it all back.
fn there_and_back(target: &Target, text: &str) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send(text);
    peer.half_close();
    peer.expect_end(text)
}

fn one_message(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    for message in ["hello\n", "hello again\n"] {
        peer.send(message);
        peer.expect(message)?;
    }
    Ok(())
}

fn byte_by_byte(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    let text = lines(10);
    for byte in text.as_bytes() {
        peer.send([*byte]);
    }
    peer.expect(text)
}

fn a_thousand_at_once(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    let text = lines(1000);
    peer.send(&text);
    peer.expect(&text)
}

fn crlf(target: &Target) -> Result<(), Difference> {
    there_and_back(target, &lines(10).replace('\n', "\r\n"))
}

fn empty_lines(target: &Target) -> Result<(), Difference> {
    there_and_back(target, &"\n\r\n".repeat(100))
}

fn characters(target: &Target) -> Result<(), Difference> {
    let controls: String = (0..32_u8).filter(|byte| *byte != b'\n').map(char::from).collect();
    there_and_back(
        target,
        &format!("{controls}\u{7f}\nŽluťoučký kůň\n第一条\n🦀🦀🦀\n\u{10ffff}\n"),
    )
}

fn exactly_the_limit(target: &Target) -> Result<(), Difference> {
    let longest = "x".repeat(target.max_message);
    there_and_back(target, &format!("{longest}\n{}\r\n{longest}", &longest[1..]))
}

fn half_close(target: &Target) -> Result<(), Difference> {
    there_and_back(target, &(lines(5) + "a last line without its end"))
}

fn nothing_sent(target: &Target) -> Result<(), Difference> {
    there_and_back(target, "")
}

fn leave_and_reset(target: &Target) -> Result<(), Difference> {
    for _ in 0..20 {
        drop(Peer::connect(target)?);
        Peer::connect(target)?.reset();
        let mut leaving = Peer::connect(target)?;
        leaving.send("half a mess");
        leaving.reset();
    }
    half_close(target)
}

/// The second is not answered before the first has left, where a server serves one at a time.
fn two_clients(target: &Target) -> Result<(), Difference> {
    let (mut first, mut second) = (Peer::connect(target)?, Peer::connect(target)?);
    first.send("first\n");
    second.send("second\n");
    first.expect("first\n")?;
    drop(first);
    second.expect("second\n")
}

fn bye(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("Bye\n");
    peer.expect_end("")
}

fn bye_amid_a_batch(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send(lines(20) + "Bye\n" + &lines(2000));
    peer.expect_end(lines(20))
}

fn bye_crlf(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("hello\r\nBye\r\n");
    peer.expect_end("hello\r\n")
}

fn bye_unended(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("hello\nBye");
    peer.half_close();
    peer.expect_end("hello\n")
}

fn not_bye(target: &Target) -> Result<(), Difference> {
    there_and_back(target, "bye\nBYE\n Bye\nBye \nBye!\nBye\r\r\nGood Bye\n")
}

fn over_long(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("x".repeat(target.max_message + 1));
    peer.half_close();
    peer.expect_error()
}

/// Far more than one read takes: the server closes over input that it has not read.
fn much_too_long(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("x".repeat(target.max_message + 100_000));
    peer.expect_error()
}

fn not_utf8(target: &Target) -> Result<(), Difference> {
    for invalid in [&b"\xff"[..], b"text\xc0\xaf", b"\xed\xa0\x80", b"\xe7\xac"] {
        let mut peer = Peer::connect(target)?;
        peer.send([invalid, b"\n"].concat());
        peer.expect_error()?;
    }
    Ok(())
}

fn answers_before_the_error(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send([lines(5).as_bytes(), b"\xff\n", lines(5).as_bytes()].concat());
    peer.expect(lines(5))?;
    peer.expect_error()
}

/// A byte now and then does not make a message whole. Who has nothing under way may be silent.
fn trickle(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("before\n");
    peer.expect("before\n")?;
    thread::sleep(target.message_timeout * 3 / 2);
    peer.send("behind\n");
    peer.expect("behind\n")?;
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

fn raw_message(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    for message in ["hello", "第一条消息。", "two\nlines"] {
        peer.send(message);
        peer.expect(message)?;
    }
    Ok(())
}

fn raw_characters(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    for _ in 0..10 {
        for byte in "第🦀条".as_bytes() {
            peer.send([*byte]);
        }
        peer.expect("第🦀条")?;
    }
    Ok(())
}

fn raw_bye(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.send("hello");
    peer.expect("hello")?;
    peer.send("Bye");
    peer.expect_end("")
}
