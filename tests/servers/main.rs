//! Black-box tests over every server, by table: each case is a line of the run, named by what it
//! shows. Every server runs in a process of its own and is ready when it says so.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod anatomy;
mod bare;
#[cfg(target_os = "linux")]
mod beside;
mod broken;
mod claims;
mod command_line;
mod conformance;
mod crash;
mod exhaustion;
mod faults;
#[cfg(target_os = "linux")]
mod foreign;
#[cfg(target_os = "linux")]
mod grading;
mod guarantees;
#[cfg(target_os = "linux")]
mod identify;
mod lab_program;
mod lab_results;
mod locust;
mod loops;
mod many;
mod recordings;
#[cfg(target_os = "linux")]
mod refusal;
mod shutdown;
mod slow;
#[path = "../support/mod.rs"]
mod support;
mod turned_away;
mod work;
mod worker_processes;

use support::{Subject, subjects, trial};

/// Tests of a server by their names.
type Tests<const COUNT: usize> = [(&'static str, fn(Subject)); COUNT];

fn main() -> ExitCode {
    if let Some(status) = broken::serve_if_told() {
        return status;
    }
    server_core::raise_open_file_limit();
    let mut arguments = Arguments::from_args();
    // They wait more than they compute.
    arguments.test_threads.get_or_insert(14);
    let trials = [
        conformance::trials(),
        claims::trials(),
        bare::trials(),
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        anatomy::trials(),
        shutdown::trials(),
        command_line::trials(),
        broken::trials(),
        lab_program::trials(),
        lab_results::trials(),
        recordings::trials(),
        #[cfg(target_os = "linux")]
        grading::trials(),
        #[cfg(target_os = "linux")]
        beside::trials(),
        crash::trials(),
        #[cfg(target_os = "linux")]
        identify::trials(),
        faults::trials(),
        slow::trials(),
        // One of them fails to start again on its port while the kernel remembers its connections. The
        // endurance tests before this leave more of them than it remembers, for half a minute.
        #[cfg(target_os = "linux")]
        foreign::trials(),
        exhaustion::trials(),
        many::trials(),
        worker_processes::trials(),
        loops::trials(),
        turned_away::trials(),
        locust::trials(),
        work::trials(),
        #[cfg(target_os = "linux")]
        refusal::trials(),
    ];
    let mut trials: Vec<Trial> = trials.into_iter().flatten().collect();
    trials.push(guarantees::trial(&trials));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test of every server. A failed assertion fails the test.
fn of_all(name: &'static str, test: fn(Subject)) -> impl Iterator<Item = Trial> {
    of_those(|_| true, name, test)
}

/// A test of the servers that have this property.
fn of_those(
    has: impl Fn(&Subject) -> bool,
    name: &'static str,
    test: fn(Subject),
) -> impl Iterator<Item = Trial> {
    subjects().filter(has).map(move |subject| of(subject, name, test))
}

/// A test of one server.
fn of(subject: Subject, name: &str, test: fn(Subject)) -> Trial {
    trial(format!("{}: {name}", subject.name()), &subject.model, move || {
        test(subject);
        Ok(())
    })
}
