//! The protocol, case by case, against any server that speaks it.

use client::script::{self, Script};
use libtest_mimic::Trial;
use protocol::Framing;

use crate::of_every_model;
use crate::support::{PATIENCE, Server, Target, wait_until};

/// One rule of the protocol, and the options under which a server is to follow it.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) check: fn(&Target),
}

const fn case(name: &'static str, check: fn(&Target)) -> Case {
    Case { name, arguments: &[], check }
}

const fn case_with(
    arguments: &'static [&'static str],
    name: &'static str,
    check: fn(&Target),
) -> Case {
    Case { name, arguments, check }
}

const RAW: &[&str] = &["--framing", "raw"];
const SMALL: &[&str] = &["--max-message", "200"];
const SMALL_RAW: &[&str] = &["--max-message", "200", "--framing", "raw"];
const IPV6: &[&str] = &["--addr", "[::1]:0"];

/// The suite.
pub(crate) const CASES: &[Case] = &[
    case("a message sent byte by byte comes back whole", byte_by_byte),
    case("a thousand messages in one write come back in order", a_thousand_at_once),
    case("a half-closed client is answered for all that it sent", half_close),
    case("Bye amid a batch: what came before it is answered and nothing after", bye_amid_a_batch),
    case("lines keep their CRLF, and Bye may have one", crlf),
    case("an empty line is a message", empty_lines),
    case("a message of 60 KiB comes back whole", large_message),
    case_with(SMALL, "a message of exactly the limit passes", exactly_the_limit),
    case_with(SMALL, "an over-long message gets an ERROR line, then the end", over_long),
    case("a message that is not UTF-8 gets an ERROR line, then the end", not_utf8),
    case("Panic and Abort are plain text", crash_words),
    case("clients that connect and leave, or reset, harm nobody", connect_and_leave),
    case_with(IPV6, "a client comes by IPv6", scripted_lines),
    case("the scripted client is content", scripted_lines),
    case_with(RAW, "raw: the scripted client is content", scripted_raw),
    case_with(RAW, "raw: a character sent byte by byte comes back whole", raw_characters),
    case_with(RAW, "raw: a half-closed client is answered", raw_half_close),
    case_with(SMALL_RAW, "raw: an over-long message gets an ERROR line, then the end", over_long),
    case_with(RAW, "raw: a message that is not UTF-8 gets an ERROR line, then the end", not_utf8),
];

pub(crate) fn trials() -> Vec<Trial> {
    let over_models = |case: &'static Case| {
        lab::models::MODELS.into_iter().map(move |model| {
            Trial::test(format!("{}: {}", model.name, case.name), move || {
                let server = Server::start(model.name, case.arguments);
                (case.check)(&Target::new(server.address()));
                // Whatever the case did, the server still serves and stops in good order.
                server.process.stop()?;
                Ok(())
            })
        })
    };
    CASES
        .iter()
        .flat_map(over_models)
        .chain(of_every_model(
            "answers come in order after their delay, each on its own",
            delayed_answers,
        ))
        .chain(of_every_model("an idle connection is closed after --idle-timeout", idle_timeout))
        .collect()
}

/// Lines of different lengths, 1 to `count`, some of them with characters of several bytes.
fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("第 {number} 条消息 {}\n", "x".repeat(number % 40))).collect()
}

fn byte_by_byte(target: &Target) {
    let mut client = target.connect();
    let text = lines(10);
    for byte in text.as_bytes() {
        client.send([*byte]);
    }
    client.receive(text);
    client.send("Bye\n");
    client.receive_to_the_end("");
}

fn a_thousand_at_once(target: &Target) {
    let mut client = target.connect();
    let text = lines(1000);
    client.send(&text);
    client.receive(&text);
    client.send("Bye\n");
    client.receive_to_the_end("");
}

fn half_close(target: &Target) {
    let mut client = target.connect();
    let text = lines(20) + "a last line without its end";
    client.send(&text);
    client.half_close();
    client.receive_to_the_end(&text);
}

fn bye_amid_a_batch(target: &Target) {
    let mut client = target.connect();
    client.send(lines(20) + "Bye\n" + &lines(2000));
    client.receive_to_the_end(lines(20));
}

fn crlf(target: &Target) {
    let mut client = target.connect();
    let text = lines(10).replace('\n', "\r\n");
    client.send(text.clone() + "Bye\r\n");
    client.receive_to_the_end(text);
}

fn empty_lines(target: &Target) {
    let mut client = target.connect();
    let text = "\n\r\n".repeat(100);
    client.send(text.clone() + "Bye\n");
    client.receive_to_the_end(text);
}

fn large_message(target: &Target) {
    let mut client = target.connect();
    let text = "第".repeat(20 * 1024) + "\n";
    client.send(&text);
    client.send("Bye\n");
    client.receive_to_the_end(text);
}

fn exactly_the_limit(target: &Target) {
    let mut client = target.connect();
    let text = "x".repeat(200) + "\n" + &"x".repeat(199) + "\r\n";
    client.send(text.clone() + "Bye\n");
    client.receive_to_the_end(text);
}

fn over_long(target: &Target) {
    let mut client = target.connect();
    // Far more than one read takes: the server closes over input that it has not read, and the
    // ERROR line arrives all the same.
    client.send("x".repeat(100_000));
    client.receive_to_the_end("ERROR message longer than 200 bytes\n");
    let mut client = target.connect();
    client.send("x".repeat(201));
    client.half_close();
    client.receive_to_the_end("ERROR message longer than 200 bytes\n");
}

fn not_utf8(target: &Target) {
    for invalid in [&b"\xff"[..], b"text\xc0\xaf", b"\xed\xa0\x80", b"\xe7\xac"] {
        let mut client = target.connect();
        client.send([invalid, b"\n"].concat());
        client.receive_to_the_end("ERROR message is not UTF-8\n");
    }
}

fn crash_words(target: &Target) {
    let mut client = target.connect();
    let text = "Panic\nAbort\n".repeat(20);
    client.send(text.clone() + "Bye\n");
    client.receive_to_the_end(text);
}

fn connect_and_leave(target: &Target) {
    let held = target.connect();
    drop(held);
    for _ in 0..20 {
        drop(target.connect());
        target.connect().reset();
        let mut leaving = target.connect();
        leaving.send("half a mess");
        leaving.reset();
    }
    half_close(target);
}

fn scripted_lines(target: &Target) {
    talk(target, Framing::Line);
}

fn scripted_raw(target: &Target) {
    talk(target, Framing::Raw);
}

fn talk(target: &Target, framing: Framing) {
    let script = Script {
        addr: target.address,
        framing,
        count: 10,
        message: "第:{} 条消息。".to_owned(),
        timeout: target.patience,
    };
    let mut output = Vec::new();
    script::run(&script, &mut output).expect("a good conversation");
    let answers = String::from_utf8(output).expect("text");
    assert_eq!(answers, (1..=10).map(|n| format!("第:{n} 条消息。\n")).collect::<String>());
}

fn raw_characters(target: &Target) {
    let mut client = target.connect();
    for _ in 0..10 {
        for byte in "第🦀条".as_bytes() {
            client.send([*byte]);
        }
        client.receive("第🦀条");
    }
    client.send("Bye");
    client.receive_to_the_end("");
}

fn raw_half_close(target: &Target) {
    let mut client = target.connect();
    let text = lines(10);
    client.send(&text);
    client.half_close();
    client.receive_to_the_end(&text);
}

fn delayed_answers(model: &'static str) {
    let server = Server::start(model, &["--delay", "50ms"]);
    let mut client = server.connect();
    client.wait_at_most(PATIENCE);
    let begin = std::time::Instant::now();
    client.send("one\ntwo\nthree\n");
    for (message, earliest) in [("one\n", 50), ("two\n", 100), ("three\n", 150)] {
        client.receive(message);
        assert!(begin.elapsed().as_millis() >= earliest, "{message:?} came early");
    }
}

fn idle_timeout(model: &'static str) {
    let server = Server::start(model, &["--quiet", "--idle-timeout", "200ms"]);
    let mut client = server.connect();
    client.exchange("hello\n");
    client.receive_to_the_end("");
    wait_until("the log says it", || server.log().contains("closed: idle for 200ms"));
}
