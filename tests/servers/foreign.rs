//! What servers in Python get from the grader: those of the homework, and the one of the tutorial that
//! this project grew from.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use check::{Rubric, Subject, Target, Verdict, check, total};
use libtest_mimic::Trial;
use protocol::Framing;

/// How long an answer may take. A server that fails a case is waited for so long: the solution fails none,
/// and the tutorial's server takes a second for each answer.
const OF_THE_STARTER: Duration = Duration::from_secs(2);
const OF_THE_SOLUTION: Duration = Duration::from_secs(10);
const OF_THE_TUTORIAL: Duration = Duration::from_secs(3);

/// How many servers are asked at once.
const SERVERS: usize = 8;

/// What the tutorial's server follows: it serves many, each for a second, and knows `Bye` alone.
const TUTORIAL: [&str; 8] = [
    "raw: a message comes back as it was sent",
    "raw: clients that leave, or reset, harm nobody",
    "raw: Bye closes the connection without an answer",
    "a hundred clients are served at once beside one that is silent",
    "a newcomer is answered beside a thousand idle clients",
    "a client that does not read holds up nobody",
    "hundreds of clients that reset or vanish leave it serving",
    "clients that are silent or half-closed cost no CPU time",
];

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 3] = [
        ("the homework's starter in Python is an echo and little more", starter),
        ("the homework's solution in Python gets all points", solution),
        ("the tutorial's server gets the points that it deserves", tutorial),
    ];
    let trials = tests.into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    trials.map(where_there_is_python).collect()
}

/// A test that needs Python, which is ignored, and says so, where there is none.
pub(crate) fn where_there_is_python(trial: Trial) -> Trial {
    let mut command = Command::new("python3");
    let version = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match version.is_ok_and(|status| status.success()) {
        true => trial,
        false => trial.with_kind("there is no Python 3").with_ignored_flag(true),
    }
}

/// What a server in Python gets.
fn graded(file: &str, framing: Framing, patience: Duration) -> Vec<Verdict> {
    let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let start = format!("python3 '{file}' {{port}}").parse().expect("a command");
    let address = ([127, 0, 0, 1], 0).into();
    let target = Target { start: Some(start), patience, ..Target::new(address) };
    let subjects = Subject::several(&target, SERVERS).expect("servers");
    let deadline = Instant::now() + Duration::from_secs(600);
    check(subjects, &Rubric::usual(framing).cases, deadline, |_| {})
}

fn starter() {
    let verdicts = graded("homework/python/starter.py", Framing::Line, OF_THE_STARTER);
    let points = "32 of 100 points; cases: 13 passed, 17 failed, 0 not asked";
    assert_eq!(total(&verdicts), points, "{verdicts:#?}");
}

fn solution() {
    let verdicts = graded("homework/python/solution.py", Framing::Line, OF_THE_SOLUTION);
    let points = "100 of 100 points; cases: 30 passed, 0 failed, 0 not asked";
    assert_eq!(total(&verdicts), points, "{verdicts:#?}");
}

fn tutorial() {
    let verdicts = graded("tests/foreign/tutorial.py", Framing::Raw, OF_THE_TUTORIAL);
    // It fails this one only while the kernel remembers its connections (TIME_WAIT), for which there may be no
    // room on a machine that has had very many.
    let is_certain = |it: &&Verdict| it.case != "it starts again on the same port at once";
    let passed = verdicts.iter().filter(is_certain).filter(|it| it.passed).map(|it| it.case);
    assert_eq!(passed.collect::<Vec<_>>(), TUTORIAL, "{verdicts:#?}");
}
