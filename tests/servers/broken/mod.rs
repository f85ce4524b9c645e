//! The grader is tested itself: a server that breaks one rule fails the cases of this rule, and no
//! others; and for each case there is such a server.

use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use check::{CASES, Case, Group, Target};
use libtest_mimic::Trial;
use protocol::Framing;
use relay::Treatment;
use server_process::ServerProcess;
use server_process::StartCommand;

use crate::conformance::{SETTLED, start, target};
use crate::support::any;

mod server;
mod table;

use server::{Defect, Told};
use table::BROKEN;

/// The word by which this program is told to be a broken server.
const WORD: &str = "broken-server";

/// How long an answer may take before a case fails: far longer than any takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that breaks a rule.
struct Broken {
    defect: Defect,
    framing: Framing,
    /// What it is asked.
    groups: &'static [Group],
    /// The cases that it fails.
    fails: &'static [&'static str],
}

pub(crate) fn trials() -> Vec<Trial> {
    let broken = BROKEN.iter().map(|broken| {
        let Broken { defect, framing, .. } = broken;
        Trial::test(format!("broken: {defect:?}, {framing}: fails the cases of its rule"), || {
            fails_its_list_and_nothing_else(broken);
            Ok(())
        })
    });
    let more = [
        Trial::test("for each case there is a server that fails it", || {
            for case in CASES {
                assert!(BROKEN.iter().any(|it| it.fails.contains(&case.name)), "{}", case.name);
            }
            Ok(())
        }),
        Trial::test("the grader passes a server behind a faithful relay", || {
            assert_eq!(failed_behind_relay(Treatment::default()).next(), None);
            Ok(())
        }),
        Trial::test("and behind one that cuts its answers into bytes", || {
            let cut = Treatment { piece: 1, lost_of: 0 };
            assert_eq!(failed_behind_relay(cut).next(), None);
            Ok(())
        }),
        Trial::test("and sees that a byte of a thousand is lost", || {
            let lossy = Treatment { piece: 0, lost_of: 1000 };
            assert_ne!(failed_behind_relay(lossy).next(), None);
            Ok(())
        }),
        Trial::test("a plain echo server passes the echo cases", || {
            passes_for_an_echo_server();
            Ok(())
        }),
    ];
    broken.chain(more).collect()
}

/// Bytes that were sent one by one come together where the machine is busy: a defect that depends on the
/// reads does not show then, and is looked for again. A case that is not on the list never fails, and a
/// server without a defect has one look.
fn fails_its_list_and_nothing_else(broken: &Broken) {
    let looks = if broken.fails.is_empty() { 1 } else { LOOKS };
    let mut failed = Vec::new();
    for _ in 0..looks {
        failed = failed_by(broken);
        let beside = failed.iter().find(|name| !broken.fails.contains(name));
        assert_eq!(beside, None, "{:?} fails it, beside {:?}", broken.defect, broken.fails);
        if failed == broken.fails {
            return;
        }
    }
    assert_eq!(failed, broken.fails, "in the last of {looks} looks");
}

/// How often a defect is looked for.
const LOOKS: usize = 4;

/// Is a broken server, if that is what these arguments say.
pub(crate) fn serve_if_told() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != WORD {
        return None;
    }
    let words: Vec<OsString> = arguments.collect();
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let [defect, framing, timeout, port] = words[..] else { return Some(ExitCode::FAILURE) };
    let broken = BROKEN.iter().find(|it| format!("{:?}", it.defect) == defect)?;
    let told = Told {
        defect: broken.defect,
        framing: framing.parse().ok()?,
        max_message: MAX_MESSAGE,
        message_timeout: Duration::from_millis(timeout.parse().ok()?),
    };
    let served = server::serve(told, port.parse().ok()?);
    Some(ExitCode::from(u8::from(served.is_err())))
}

const MAX_MESSAGE: usize = 2000;

/// How long after its first byte a message must be whole, where that is what is asked.
const SLOW: Duration = Duration::from_secs(2);

/// The cases that it fails, in the order of the table.
fn failed_by(broken: &Broken) -> Vec<&'static str> {
    let is_asked = |case: &&Case| case.is_of(broken.framing) && broken.groups.contains(&case.group);
    let cases = CASES.iter().filter(is_asked);
    let (slow, others): (Vec<&Case>, Vec<&Case>) = cases.partition(|it| it.group == Group::Slow);
    let mut failed = failed_of(broken, Duration::from_secs(30), &others);
    failed.extend(failed_of(broken, SLOW, &slow));
    failed.sort_by_key(|name| CASES.iter().position(|case| case.name == *name));
    failed
}

fn failed_of(broken: &Broken, timeout: Duration, cases: &[&'static Case]) -> Vec<&'static str> {
    let program = std::env::current_exe().expect("this program");
    let Broken { defect, framing, .. } = broken;
    let command = format!(
        "'{}' {WORD} {defect:?} {framing} {} {{port}}",
        program.display(),
        timeout.as_millis()
    );
    let command: StartCommand = command.parse().expect("a command");
    let mut server: Option<ServerProcess> = None;
    let mut failed = Vec::new();
    for case in cases {
        let running = server.take().map_or_else(|| command.start(), Ok).expect("a server");
        let target = Target {
            max_message: MAX_MESSAGE,
            message_timeout: timeout,
            patience: PATIENCE,
            settled: SETTLED,
            process: Some(running.process()),
            start: Some(command.clone()),
            ..Target::new(running.address())
        };
        match case.check(&target) {
            Ok(()) => server = Some(running),
            // The next one shall not suffer from it.
            Err(difference) => {
                println!("{defect:?}: {}: {difference}", case.name);
                failed.push(case.name);
            }
        }
    }
    failed
}

/// A server that sends back what it reads, knows nothing more, and lives as long as the test's
/// process.
fn plain_echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &client, &mut &client));
        }
    });
    address
}

fn passes_for_an_echo_server() {
    let target = Target { patience: PATIENCE, ..Target::new(plain_echo_server()) };
    let is_asked = |it: &&Case| it.group == Group::Echo && it.is_of(Framing::Line);
    for case in CASES.iter().filter(is_asked) {
        assert_eq!(case.check(&target), Ok(()), "{}", case.name);
    }
}

/// The cases that fail when what is sent comes by another way. The server's process is not asked.
fn failed_behind_relay(treatment: Treatment) -> impl Iterator<Item = &'static str> {
    let is_asked =
        |case: &&Case| !matches!(case.group, Group::Concurrency | Group::Faults | Group::Ending);
    let fails = move |case: &&'static Case| {
        let server = start(any(), case);
        let address = relay(server.address(), treatment);
        let mut target = Target { address, ..target(any(), &server) };
        if treatment.lost_of > 0 {
            // What is lost does not come.
            target.patience = Duration::from_secs(2);
        }
        case.check(&target).is_err()
    };
    CASES.iter().filter(is_asked).filter(fails).map(|case| case.name)
}

/// A relay to `server`, for as long as the test's process lives.
fn relay(server: SocketAddr, treatment: Treatment) -> SocketAddr {
    let listener = TcpListener::bind((server.ip(), 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || relay::relay(&listener, server, treatment));
    address
}
