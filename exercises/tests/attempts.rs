//! Whatever a task does to its process, one line tells of it.

use std::process;

use exercises::attempt::{Attempt, Verdict};
use exercises::{Fault, Outcome, Task};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    // In this thread: only a process with one may try a task.
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::test("a task that is done is done", || says(|| Ok(()), "")),
        Trial::test("what is wrong is one line", || says(two_lines, "first second")),
        Trial::test("a panic tells where and why", || says(panic, "tests/attempts.rs:")),
        Trial::test("a panic of another thread is told, too", || says(in_a_thread, "on purpose")),
        Trial::test("a panic that is passed on is told, too", || says(passed_on, "panicked")),
        Trial::test("an end of the process is told", || {
            says(|| process::exit(0), "ended the whole")
        }),
        Trial::test("a signal is told by its name", || says(|| process::abort(), "SIGABRT")),
        Trial::test("what prints on standard output tells nothing", || says(prints, "")),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// Sees a task be done, or a line with these words.
fn says(run: fn() -> Outcome, words: &str) -> Result<(), Failed> {
    let task = Task { name: "of a test", still: false, run };
    let verdict = Attempt::begin(&task).and_then(Attempt::verdict).map_err(|it| it.to_string())?;
    match &verdict {
        Verdict::Done if words.is_empty() => Ok(()),
        Verdict::Wrong(why) if !words.is_empty() && why.contains(words) => Ok(()),
        _ => Err(format!("{verdict:?}").into()),
    }
}

fn two_lines() -> Outcome {
    Err(Fault::Wrong("first\nsecond".to_owned()))
}

fn prints() -> Outcome {
    println!("wrong: this is your own output");
    Ok(())
}

fn in_a_thread() -> Outcome {
    // What the thread came to makes no difference.
    let _ = std::thread::spawn(on_purpose).join();
    Ok(())
}

/// `resume_unwind` calls no hook.
fn passed_on() -> Outcome {
    std::panic::resume_unwind(Box::new("on purpose"))
}

fn panic() -> Outcome {
    on_purpose();
    Ok(())
}

fn on_purpose() {
    panic!("on purpose");
}
