//! How exercises are tried with your files: by this program once more, compiled with them. What it finds
//! comes in lines.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use exercises::attempt::{Attempt, Verdict, end_with_this_process};
use exercises::{Exercise, Task};

/// How many exercises are tried at a time. Most of them wait.
const AT_ONCE: usize = 8;

/// How one task of an exercise went.
pub(crate) struct Record {
    pub(crate) exercise: &'static Exercise,
    pub(crate) task: &'static Task,
    pub(crate) verdict: Verdict,
}

impl Record {
    /// Whether it is out of the way: done, or nothing that can be done here.
    fn is_done(&self) -> bool {
        !matches!(self.verdict, Verdict::Wrong(_))
    }

    fn line(&self) -> String {
        let (word, why) = match &self.verdict {
            Verdict::Done => ("done", ""),
            Verdict::Wrong(why) => ("wrong", why.as_str()),
            Verdict::NotHere(why) => ("not-here", why.as_str()),
        };
        format!("{}\t{}\t{word}\t{why}\n", self.exercise.name, self.task.name)
    }

    fn read(line: &str) -> Option<Self> {
        let [name, task, word, why] = line.splitn(4, '\t').collect::<Vec<_>>().try_into().ok()?;
        let exercise = exercises::find(name)?;
        let task = exercise.tasks.iter().find(|it| it.name == task)?;
        let verdict = match word {
            "done" => Verdict::Done,
            "wrong" => Verdict::Wrong(why.to_owned()),
            _ => Verdict::NotHere(why.to_owned()),
        };
        Some(Record { exercise, task, verdict })
    }
}

/// Whether an exercise is done: each of its tasks was tried, and is out of the way.
pub(crate) fn are_done(exercise: &Exercise, records: &[Record]) -> bool {
    let own = || records.iter().filter(|it| it.exercise.name == exercise.name);
    exercise.tasks.iter().all(|task| own().any(|it| it.task.name == task.name && it.is_done()))
}

/// Compiles your files and tries these exercises. Shows each record as it comes, and returns all of them.
/// There is none where your files do not compile; the compiler has said why.
///
/// # Errors
///
/// When Cargo cannot be started.
pub(crate) fn of_yours(
    exercises: &[&'static Exercise],
    until_red: bool,
    mut show: impl FnMut(&Record),
) -> io::Result<Vec<Record>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--features", "yours", "--manifest-path"]);
    command.args([concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--", "run"]);
    let mut process = tries(&mut command, exercises, until_red).spawn()?;
    let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut records = Vec::new();
    for line in BufReader::new(output).lines() {
        let record = Record::read(&line?);
        record.iter().for_each(&mut show);
        records.extend(record);
    }
    process.wait()?;
    Ok(records)
}

/// A program that tries these exercises, and whose output is heard.
fn tries<'a>(
    command: &'a mut Command,
    exercises: &[&Exercise],
    until_red: bool,
) -> &'a mut Command {
    command.args(until_red.then_some("--until-red"));
    command.args(exercises.iter().map(|it| it.name));
    command.stdin(Stdio::null()).stdout(Stdio::piped())
}

/// Tries these exercises with what this program was compiled with, and prints a record of each task.
/// Returns whether all are done. Only for a process with one thread.
///
/// # Errors
///
/// When there is no process left, or nobody reads.
pub(crate) fn write(exercises: &[&'static Exercise], until_red: bool) -> io::Result<bool> {
    end_with_this_process()?;
    match exercises {
        [exercise] => write_one(exercise, until_red),
        several => write_several(several, until_red),
    }
}

fn write_one(exercise: &'static Exercise, until_red: bool) -> io::Result<bool> {
    let mut all_done = true;
    for task in exercise.tasks {
        let verdict = Attempt::begin(task)?.verdict()?;
        let record = Record { exercise, task, verdict };
        io::stdout().write_all(record.line().as_bytes())?;
        all_done &= record.is_done();
        if until_red && !all_done {
            break;
        }
    }
    Ok(all_done)
}

/// Each by a process of its own, some at a time. What your code prints is for those who try one.
fn write_several(exercises: &[&'static Exercise], until_red: bool) -> io::Result<bool> {
    let this = env::current_exe()?;
    let (next, all_done) = (Mutex::new(exercises.iter()), Mutex::new(true));
    // In a statement of its own: the lock is not held while the exercise is tried.
    let take = || next.lock().ok()?.next();
    let work = || -> io::Result<()> {
        while let Some(exercise) = take() {
            let mut command = Command::new(&this);
            let output = tries(command.arg("run"), &[exercise], until_red).output()?;
            io::stdout().lock().write_all(&output.stdout)?;
            *all_done.lock().map_err(|_| io::ErrorKind::Other)? &= output.status.success();
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })
    })?;
    Ok(all_done.into_inner().unwrap_or(false))
}
