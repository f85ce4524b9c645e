//! Each cell of the lesson's table: who notices a death, and whom it takes along.

use std::time::Duration;

use lab::crash::{self, Death, What};
use lab::models::MODELS;
use libtest_mimic::Trial;
use server_core::Model;

/// When the blocking client's user types the next line, counted from the death.
const TYPED_AFTER: Duration = Duration::from_millis(300);

pub(crate) fn trials() -> Vec<Trial> {
    let deaths = MODELS.into_iter().flat_map(|model| Death::ALL.map(|death| (model, death)));
    deaths.map(|(model, death)| trial(model, death)).chain([program()]).collect()
}

fn trial(model: Model, death: Death) -> Trial {
    let reach = if takes_all_along(&model, death) { "all" } else { "none" };
    let name =
        format!("{}: {death}: both clients notice, and {reach} of the others go", model.name);
    Trial::test(name, move || {
        notices_and_takes_along(&model, death);
        Ok(())
    })
}

/// A panic stays in its handler, whatever the model; a process takes along what lives in it.
fn takes_all_along(model: &Model, death: Death) -> bool {
    death != Death::HandlerPanics && model.name != "fork"
}

fn notices_and_takes_along(model: &Model, death: Death) {
    let program = env!("CARGO_BIN_EXE_lab").as_ref();
    let seen = crash::observe(program, model, death, TYPED_AFTER).expect("a lesson");
    assert_eq!(seen.watching.what, What::EndOfFile);
    assert_eq!(seen.blocking.what, What::EndOfFileThenBrokenPipe);
    // It types so late, and no earlier can it know.
    let typed = TYPED_AFTER.as_secs_f64() * 1e3;
    assert!(seen.blocking.after_milliseconds >= typed, "{seen:?}");
    let all = takes_all_along(model, death);
    assert_eq!(seen.cut, if all { seen.others } else { 0 }, "{seen:?}");
    assert_eq!(seen.serves_new_clients, !all, "{seen:?}");
}

fn program() -> Trial {
    Trial::test("lab: crash prints a row for each death, in 80 columns", || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lab"));
        let output = command.args(["crash", "--models", "fork,async"]).output().expect("the lab");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{text}");
        for part in ["fork", "async", "handler panics", "process killed", "end of file, EPIPE"] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        Ok(())
    })
}
