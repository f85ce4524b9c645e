//! `lab identify` names every model of this project, and servers in another language that it has never
//! heard of. A busy machine blurs what is seen: each test looks again, a bounded number of times.

use std::cell::Cell;
use std::process::Command;

use lab::identify::{Behaviour, Evidence, Harm, Kind, Stall, Target, Verdict, identify};
use libtest_mimic::Trial;
use protocol::Framing;
use server_core::{AtOnce, Model, Unit};
use server_process::sockets;

use crate::foreign::where_there_is_python;
use crate::support::{LAB, Server, Subject, any, subjects, trial, wait_until};
use crate::{of, of_all, of_those};

/// How many looks may leave open what a server is, when the machine is busy, before one must decide.
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
            _ if subject.has_bare() => vec![&[], &["--bare"]],
            _ => vec![&[]],
        };
        all.into_iter().map(move |arguments| (subject, arguments))
    });
    let ours = told.map(|(subject, arguments)| {
        let name = [&[subject.name().as_str()], arguments].concat().join(" ");
        let model = subject.model;
        // Its bare server looks the same to clients.
        let (what, look): (_, fn(&Server, Kind)) = match arguments.contains(&"--bare") {
            true => ("is identified", is_named),
            false => ("is identified, also by its clients alone", is_named_both_ways),
        };
        trial(format!("{name}: {what}"), &model, move || {
            look(&subject.start(arguments), kind_of(&model));
            Ok(())
        })
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
            look_until(&Target { at_most: 64, ..target(&server) }, |_, evidence| {
                evidence.places.is_limit && evidence.places.served == 40
            });
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

/// Looks again until a look is decided, since a busy machine blurs what is seen.
fn look_until(target: &Target, is_decided: impl Fn(&Verdict, &Evidence) -> bool) {
    let mut looks = Vec::new();
    for _ in 0..TRIES {
        let (verdict, evidence) = look(target);
        if is_decided(&verdict, &evidence) {
            return;
        }
        looks.push((verdict, evidence));
    }
    panic!("it was not decided in {TRIES} looks: {looks:#?}");
}

/// Sees that it is named. A look that leaves it open is no mistake; one that excludes it is, and a busy
/// machine may bring about one, but not two.
fn is_named(server: &Server, kind: Kind) {
    let mistakes = Cell::new(0);
    look_until(&target(server), |verdict, evidence| {
        allow_one(&mistakes, verdict.kinds.contains(&kind), evidence);
        verdict.kinds == [kind] && is_stopped_as_it_must(evidence)
    });
}

/// The same, and that to its clients alone it is what it is, or one of those that look the same to them.
fn is_named_both_ways(server: &Server, kind: Kind) {
    let mistakes = Cell::new(0);
    look_until(&target(server), |verdict, evidence| {
        let outside = Evidence { inside: None, ..evidence.clone() };
        let to_clients = Verdict::of(&outside);
        let is_left = verdict.kinds.contains(&kind) && is_among(kind, &to_clients);
        allow_one(&mistakes, is_left, evidence);
        let is_told = verdict.kinds == [kind] && is_stopped_as_it_must(evidence);
        is_told && to_clients.kinds == same_to_clients(kind, evidence)
    });
}

#[track_caller]
fn allow_one(mistakes: &Cell<usize>, is_right: bool, evidence: &Evidence) {
    mistakes.set(mistakes.get() + usize::from(!is_right));
    assert!(mistakes.get() < 2, "{evidence:#?}");
}

fn is_among(kind: Kind, verdict: &Verdict) -> bool {
    verdict.kinds.contains(&kind) || verdict.unusual.contains(&kind)
}

/// The kinds that look alike to the clients of such a server.
fn same_to_clients(kind: Kind, evidence: &Evidence) -> Vec<Kind> {
    match (evidence.places.is_limit, evidence.places.served, kind) {
        (false, _, _) => vec![Kind::Fork, Kind::Thread, Kind::Loop, Kind::Completions],
        (true, 1, Kind::Prefork) => vec![Kind::Iterative],
        (true, _, Kind::Prefork) => vec![Kind::Prefork, Kind::Pool],
        (true, _, kind) => vec![kind],
    }
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

fn python(kind: &str) -> Server {
    let mut command = Command::new("python3");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/standard_library.py");
    command.args([file, kind]);
    Server::start_by(command)
}

/// A loop computes for one client after the other, threads and processes by turns. Its processes are left
/// alone: only clients look.
fn computing_tells(subject: Subject) {
    let server = subject.start(&["--compute", "20ms"]);
    let (kind, mistakes) = (kind_of(&subject.model), Cell::new(0));
    let target = Target { black_box: true, at_most: 8, ..target(&server) };
    look_until(&target, |verdict, evidence| {
        assert!(evidence.inside.is_none(), "{evidence:?}");
        allow_one(&mistakes, is_among(kind, verdict), evidence);
        match (subject.has_one_thread(), &evidence.turns) {
            (true, Some(turns)) => {
                turns.one_by_one && verdict.kinds == [Kind::Loop, Kind::Completions]
            }
            (false, Some(turns)) => !turns.one_by_one || subject.model.unit == Unit::Task,
            (_, None) => false,
        }
    });
}

/// Each look has a server of its own: the harm of the look before may have ended it.
fn fates(subject: Subject) {
    let mut looks = Vec::new();
    for _ in 0..TRIES {
        let server = subject.start_with_workers(8, &["--quiet", "--allow-crash"]);
        let (_, evidence) = look(&Target { allow_harm: true, ..target(&server) });
        if shows_fates(&evidence, subject.model.unit == Unit::Process) {
            return;
        }
        looks.push(evidence);
    }
    panic!("it was not decided in {TRIES} looks: {looks:#?}");
}

/// A panic harms one client. An abort does so too where each client has a process of its own, which can
/// also be killed.
fn shows_fates(evidence: &Evidence, is_alone: bool) -> bool {
    let of = |harm: Harm| evidence.fates.iter().flatten().find(|fate| fate.harm == harm);
    let is_harmless = |harm| of(harm).map(|fate| fate.cut == 0 && fate.serves_on);
    is_harmless(Harm::Panic) == Some(true)
        && is_harmless(Harm::Abort) == Some(is_alone)
        && of(Harm::Kill).is_some() == is_alone
}

fn one_of_completions() -> Subject {
    subjects().find(|it| it.model.properties.by_completion).expect("a model of completions")
}

fn is_left_open(_: Subject) {
    let server = python("asyncio, beside a ring");
    look_until(&target(&server), |verdict, _| verdict.kinds == [Kind::Loop, Kind::Completions]);
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
    look_until(&Target { at_most: 40, ..target(&server) }, |verdict, evidence| {
        assert_eq!(evidence.queues, Some(4), "{evidence:?}");
        verdict.kinds.contains(&kind_of(&subject.model))
            && (2..=4).contains(&evidence.places.served)
    });
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
    assert!(slow.contains("an answer takes 2.") && slow.contains("less delay"), "{slow}");
    let nobody = run(&["--addr", "127.0.0.1:1"]);
    assert!(nobody.contains("no server at 127.0.0.1:1; start one"), "{nobody}");
}
