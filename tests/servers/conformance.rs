//! The conformance suite over every model, and what only the project's own servers promise.

use client::script::{self, Script};
use lab::check::{CASES, Case, Target};
use libtest_mimic::Trial;
use protocol::Framing;

use crate::support::{PATIENCE, Server, Subject, subjects, wait_until};
use crate::{Tests, of_all};

/// The limit under which the suite is run: small enough to be met.
pub(crate) const MAX_MESSAGE: &str = "2000";

pub(crate) fn trials() -> Vec<Trial> {
    let over_all = |case: &'static Case| {
        subjects().map(move |subject| {
            Trial::test(format!("{}: {}", subject.name(), case.name), move || {
                let server = start(subject, case);
                case.check(&target(&server))?;
                // Whatever the case did, the server still serves and stops in good order.
                server.process.stop()?;
                Ok(())
            })
        })
    };
    let tests: Tests<6> = [
        ("answers come in order after their delay, each on its own", delayed_answers),
        ("an idle connection is closed after --idle-timeout", idle_timeout),
        ("the scripted client is content", scripted_lines),
        ("raw: the scripted client is content", scripted_raw),
        ("a client comes by IPv6", ipv6),
        ("Panic and Abort are plain text without --allow-crash", crash_words),
    ];
    let own = tests.into_iter().flat_map(|(name, test)| of_all(name, test));
    CASES.iter().flat_map(over_all).chain(own).collect()
}

/// A server to hold against a case.
pub(crate) fn start(subject: Subject, case: &Case) -> Server {
    let framing = case.framing.to_string();
    subject.start(&["--max-message", MAX_MESSAGE, "--framing", &framing])
}

pub(crate) fn target(server: &Server) -> Target {
    let max_message = MAX_MESSAGE.parse().expect("a number");
    Target { max_message, patience: PATIENCE, ..Target::new(server.address()) }
}

fn scripted_lines(subject: Subject) {
    talk(&subject.start(&[]), Framing::Line);
}

fn scripted_raw(subject: Subject) {
    talk(&subject.start(&["--framing", "raw"]), Framing::Raw);
}

fn ipv6(subject: Subject) {
    talk(&subject.start(&["--addr", "[::1]:0"]), Framing::Line);
}

fn talk(server: &Server, framing: Framing) {
    let script = Script {
        addr: server.address(),
        framing,
        count: 10,
        message: "第:{} 条消息。".to_owned(),
        timeout: PATIENCE,
    };
    let mut output = Vec::new();
    script::run(&script, &mut output).expect("a good conversation");
    let answers = String::from_utf8(output).expect("text");
    assert_eq!(answers, (1..=10).map(|n| format!("第:{n} 条消息。\n")).collect::<String>());
}

fn crash_words(subject: Subject) {
    let server = subject.start(&[]);
    let mut client = server.connect();
    let text = "Panic\nAbort\n".repeat(20);
    client.send(text.clone() + "Bye\n");
    client.receive_to_the_end(text);
}

fn delayed_answers(subject: Subject) {
    let server = subject.start(&["--delay", "50ms"]);
    let mut client = server.connect();
    let begin = std::time::Instant::now();
    client.send("one\ntwo\nthree\n");
    for (message, earliest) in [("one\n", 50), ("two\n", 100), ("three\n", 150)] {
        client.receive(message);
        assert!(begin.elapsed().as_millis() >= earliest, "{message:?} came early");
    }
}

fn idle_timeout(subject: Subject) {
    let server = subject.start(&["--quiet", "--idle-timeout", "200ms"]);
    let mut client = server.connect();
    client.exchange("hello\n");
    client.receive_to_the_end("");
    wait_until("the log says it", || server.log().contains("closed: idle for 200ms"));
}
