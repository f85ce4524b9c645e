//! Black-box tests over every server, by table: each case is a line of the run, named by what it
//! shows. Every server runs in a process of its own and is ready when it says so.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use lab::models::MODELS;
use libtest_mimic::{Arguments, Trial};

mod broken;
mod claims;
mod command_line;
mod conformance;
mod crash;
mod exhaustion;
mod faults;
mod lab_program;
mod many;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;

/// Tests of a model by their names.
type Tests<const COUNT: usize> = [(&'static str, fn(&'static str)); COUNT];

fn main() {
    server_core::raise_open_file_limit();
    let mut arguments = Arguments::from_args();
    // They wait more than they compute.
    arguments.test_threads.get_or_insert(8);
    let trials = [
        conformance::trials(),
        claims::trials(),
        shutdown::trials(),
        command_line::trials(),
        broken::trials(),
        lab_program::trials(),
        crash::trials(),
        faults::trials(),
        exhaustion::trials(),
        many::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit();
}

/// A test of each model. A failed assertion fails the test.
fn of_every_model(name: &'static str, test: fn(&'static str)) -> impl Iterator<Item = Trial> {
    MODELS.into_iter().map(move |model| of(model.name, name, test))
}

/// A test of one model.
fn of(model: &'static str, name: &str, test: fn(&'static str)) -> Trial {
    Trial::test(format!("{model}: {name}"), move || {
        test(model);
        Ok(())
    })
}
