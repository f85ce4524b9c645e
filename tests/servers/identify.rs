//! `lab identify` names every model of this project, and servers in another language that it has never
//! heard of.

use std::process::Command;

use lab::identify::{Behaviour, Evidence, Harm, Kind, Stall, Target, Verdict, identify};
use lab::instruments::sockets;
use libtest_mimic::Trial;
use protocol::Framing;
use server_core::{AtOnce, Model, Unit};

use crate::foreign::where_there_is_python;
use crate::support::{LAB, Server, Subject, any, subjects, trial, wait_until};
use crate::{of, of_all, of_those};

/// How often it may say that it cannot decide, when the machine is busy, before it must.
const TRIES: usize = 6;

const RING_BESIDE_EPOLL: &str = "a ring beside epoll leaves open which of the two serves";

/// Servers that Python brings along, and what they are.
const PYTHON: [(&str, Kind); 9] = [
    ("plain", Kind::Iterative),
    ("threading", Kind::Thread),
    ("forking", Kind::Fork),
    ("asyncio", Kind::Loop),
    ("concurrent.futures", Kind::Pool),
    ("plain, with a timeout", Kind::Iterative),
    ("pool, with a stop pipe", Kind::Pool),
    ("fork, twice", Kind::Fork),
    ("concurrent.futures, with a timeout", Kind::Pool),
];

pub(crate) fn trials() -> Vec<Trial> {
    let told = subjects().flat_map(|subject| {
        let all: Vec<&[&str]> = match subject.model.at_once {
            AtOnce::Workers => vec![&["--workers", "1"], &["--workers", "3"], &["--bare"]],
            _ => vec![&[], &["--bare"]],
        };
        all.into_iter().map(move |arguments| (subject, arguments))
    });
    let ours = told.flat_map(|(subject, arguments)| {
        let name = [&[subject.name().as_str()], arguments].concat().join(" ");
        let model = subject.model;
        let inside = trial(format!("{name}: is identified"), &model, move || {
            is_named(&subject.start(arguments), kind_of(&model));
            Ok(())
        });
        let outside =
            trial(format!("{name}: is identified by its clients alone"), &model, move || {
                is_not_mistaken(&subject.start(arguments), kind_of(&model));
                Ok(())
            });
        // Its page looks the same to them.
        let outside = (!arguments.contains(&"--bare")).then_some(outside);
        [Some(inside), outside].into_iter().flatten()
    });
    let theirs = PYTHON.into_iter().map(|(name, kind)| {
        where_there_is_python(Trial::test(format!("Python's {name}: is identified"), move || {
            is_named(&python(name), kind);
            Ok(())
        }))
    });
    let unbounded = |subject: &Subject| subject.model.at_once == AtOnce::All;
    let computing = of_those(unbounded, "computing tells a loop from threads", computing_tells);
    let harmed = of_all("who shares a client's fate is seen", fates);
    let more = [
        where_there_is_python(Trial::test("Python's forking server has forty at once", || {
            let server = python("forking");
            let (_, evidence) = look(&Target { at_most: 64, ..target(&server) });
            assert!(evidence.places.is_limit && evidence.places.served == 40, "{evidence:?}");
            Ok(())
        })),
        where_there_is_python(of(one_of_completions(), RING_BESIDE_EPOLL, is_left_open)),
        of(those_with_queues(), "queues of their own are told from one", own_queues),
        of(any(), "what cannot be identified is told in a line", refuses),
    ];
    ours.chain(theirs).chain(computing).chain(harmed).chain(more).collect()
}

/// What a model is.
fn kind_of(model: &Model) -> Kind {
    match (model.unit, model.at_once) {
        (_, AtOnce::One) => Kind::Iterative,
        (Unit::Process, AtOnce::Workers) => Kind::Prefork,
        (Unit::Process, _) => Kind::Fork,
        (Unit::Thread, AtOnce::Workers) => Kind::Pool,
        (Unit::Thread, _) => Kind::Thread,
        (Unit::Task, _) => Kind::Loop,
        (Unit::None, _) if model.properties.by_completion => Kind::Completions,
        (Unit::None, _) => Kind::Loop,
    }
}

fn target(server: &Server) -> Target {
    Target {
        address: server.address(),
        framing: Framing::Line,
        process: None,
        black_box: false,
        at_most: 16,
        allow_harm: false,
    }
}

fn look(target: &Target) -> (Verdict, Evidence) {
    let (verdict, evidence) = identify(target).expect("a server that can be reached");
    assert_eq!(verdict.would_decide.is_some(), verdict.kinds.len() > 1, "{verdict:?}");
    (verdict, evidence)
}

/// Sees that it is named, and never named something else.
fn is_named(server: &Server, kind: Kind) {
    let target = target(server);
    for _ in 0..TRIES {
        let (verdict, evidence) = look(&target);
        assert!(verdict.kinds.contains(&kind), "{verdict:?} {evidence:?}");
        if verdict.kinds == [kind] && is_stopped_as_it_must(&evidence) {
            return;
        }
    }
    panic!("it was not decided in {TRIES} tries");
}

/// Whether silent clients hold all places where there is a limit, and nobody where there is none.
fn is_stopped_as_it_must(evidence: &Evidence) -> bool {
    let stall = |wanted| evidence.stalls.iter().find(|it| it.behaviour == wanted);
    let is_held_up = |stall: &Stall| !stall.newcomer_is_served && stall.recovers;
    let held_up: Vec<bool> = [Behaviour::Silent, Behaviour::Half]
        .into_iter()
        .filter_map(stall)
        .map(is_held_up)
        .collect();
    held_up == [evidence.places.is_limit; 2]
}

/// Sees that to clients it is what it is, or one of those that look the same to them.
fn is_not_mistaken(server: &Server, kind: Kind) {
    for _ in 0..TRIES {
        let (verdict, evidence) = look(&Target { black_box: true, ..target(server) });
        assert!(evidence.inside.is_none(), "{evidence:?}");
        let named = [&verdict.kinds[..], &verdict.unusual].concat();
        assert!(named.contains(&kind), "{verdict:?} {evidence:?}");
        let same_to_clients = match (evidence.places.is_limit, evidence.places.served, kind) {
            (false, _, _) => vec![Kind::Fork, Kind::Thread, Kind::Loop, Kind::Completions],
            (true, 1, Kind::Prefork) => vec![Kind::Iterative],
            (true, _, Kind::Prefork) => vec![Kind::Prefork, Kind::Pool],
            (true, _, kind) => vec![kind],
        };
        if verdict.kinds == same_to_clients {
            return;
        }
    }
    panic!("it was not decided in {TRIES} tries");
}

fn python(kind: &str) -> Server {
    let mut command = Command::new("python3");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/standard_library.py");
    command.args([file, kind]);
    Server::start_by(command)
}

/// A loop computes for one client after the other, threads and processes by turns.
fn computing_tells(subject: Subject) {
    let server = subject.start(&["--compute", "20ms"]);
    let kind = kind_of(&subject.model);
    for _ in 0..TRIES {
        let (verdict, evidence) = look(&Target { black_box: true, at_most: 8, ..target(&server) });
        let named = [&verdict.kinds[..], &verdict.unusual].concat();
        assert!(named.contains(&kind), "{verdict:?} {evidence:?}");
        let is_told = match (subject.has_one_thread(), evidence.turns) {
            (true, Some(turns)) => {
                turns.one_by_one && verdict.kinds == [Kind::Loop, Kind::Completions]
            }
            (false, Some(turns)) => !turns.one_by_one || subject.model.unit == Unit::Task,
            (_, None) => false,
        };
        if is_told {
            return;
        }
    }
    panic!("it was not told in {TRIES} tries");
}

fn fates(subject: Subject) {
    let server = subject.start_with_workers(8, &["--quiet", "--allow-crash"]);
    let (_, evidence) = look(&Target { allow_harm: true, ..target(&server) });
    let fates = evidence.fates.expect("it was allowed");
    let of = |harm: Harm| fates.iter().find(|fate| fate.harm == harm);
    let panic = of(Harm::Panic).expect("a handler that panics");
    assert!(panic.cut == 0 && panic.serves_on, "{panic:?}");
    let abort = of(Harm::Abort).expect("a process that aborts");
    let is_alone = subject.model.unit == Unit::Process;
    assert_eq!(of(Harm::Kill).is_some(), is_alone, "{fates:?}");
    assert_eq!((abort.cut == 0 && abort.serves_on), is_alone, "{abort:?}");
}

fn one_of_completions() -> Subject {
    subjects().find(|it| it.model.properties.by_completion).expect("a model of completions")
}

fn is_left_open(_: Subject) {
    let (verdict, evidence) = look(&target(&python("asyncio, beside a ring")));
    assert_eq!(verdict.kinds, [Kind::Loop, Kind::Completions], "{evidence:?}");
}

fn those_with_queues() -> Subject {
    let mut all = subjects();
    all.find(|it| it.model.properties.reuse_port).expect("a model with queues of its own")
}

/// Chance decides who waits there, so that it takes many clients to find all workers.
fn own_queues(subject: Subject) {
    let server = subject.start_with_workers(4, &["--reuse-port"]);
    let listeners = || sockets::listeners(server.address()).expect("the kernel's table");
    wait_until("each worker has a queue", || listeners().len() == 4);
    // With as many clients for each as it takes to find all workers.
    let (verdict, evidence) = look(&Target { at_most: 40, ..target(&server) });
    assert_eq!(evidence.queues, Some(4), "{evidence:?}");
    assert!(verdict.kinds.contains(&kind_of(&subject.model)), "{verdict:?}");
    assert!((2..=4).contains(&evidence.places.served), "{evidence:?}");
}

fn refuses(subject: Subject) {
    let run = |arguments: &[&str]| {
        let output = Command::new(LAB).arg("identify").args(arguments).output().expect("the lab");
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let elsewhere = run(&["--addr", "192.0.2.1:5555"]);
    assert!(elsewhere.contains("run it where the server runs"), "{elsewhere}");
    assert_eq!(elsewhere.lines().count(), 1, "{elsewhere}");
    let server = subject.start(&["--delay", "2s"]);
    let address = server.address().to_string();
    let wrong_process = run(&["--addr", &address, "--pid", "1"]);
    assert!(wrong_process.contains("process 1 does not listen at"), "{wrong_process}");
    let slow = run(&["--addr", &address]);
    assert!(slow.contains("an answer takes 2.0 seconds"), "{slow}");
    let nobody = run(&["--addr", "127.0.0.1:1"]);
    assert!(nobody.contains("cannot connect to 127.0.0.1:1"), "{nobody}");
}
