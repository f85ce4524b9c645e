//! Each cell of the lesson's table: who notices a death, and whom it takes along.

use std::time::Duration;

use lab::experiments::crash::{Death, observe};
use lab::measure::lab::Lab;
use lab::models::{Contestant, Entry, MODELS};
use libtest_mimic::Trial;

use crate::support::{LAB, trial};

/// When the blocking client's user types the next line, counted from the death.
const TYPED_AFTER: Duration = Duration::from_millis(300);

pub(crate) fn trials() -> Vec<Trial> {
    let deaths = MODELS.iter().flat_map(|entry| Death::ALL.map(|death| (entry, death)));
    let bare = MODELS.iter().map(bare);
    deaths.map(|(entry, death)| server(entry, death)).chain(bare).chain([program()]).collect()
}

fn server(entry: &'static Entry, death: Death) -> Trial {
    let all = death != Death::HandlerPanics && entry.model.all_share_a_fate();
    let reach = if all { "all" } else { "none" };
    let name = entry.model.name;
    let name = format!("{name}: {death}: both clients notice, and {reach} of the others go");
    trial(name, &entry.model, move || {
        notices_and_takes_along(&Contestant::server(entry), death, all);
        Ok(())
    })
}

fn bare(entry: &'static Entry) -> Trial {
    let contestant = Contestant::bare(entry);
    trial(format!("{}: it dies as its server does", contestant.name), &entry.model, move || {
        notices_and_takes_along(
            &contestant,
            Death::ProcessIsKilled,
            contestant.model.all_share_a_fate(),
        );
        Ok(())
    })
}

/// A panic stays in its handler, whatever the model; a process takes `all` along that live in it.
fn notices_and_takes_along(contestant: &Contestant, death: Death, all: bool) {
    let lab = Lab { quick: true, warns: false, ..Lab::new(LAB.into()) };
    let seen = observe(&lab, contestant, death, TYPED_AFTER).expect("a lesson");
    assert_eq!(seen.watching.what, "end of file");
    assert_eq!(seen.blocking.what, "end of file, EPIPE");
    // It types so late, and no earlier can it know.
    let typed = TYPED_AFTER.as_secs_f64() * 1e3;
    assert!(seen.blocking.after_milliseconds >= typed, "{seen:?}");
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
