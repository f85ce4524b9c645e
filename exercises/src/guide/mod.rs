//! Where you stand, and what is next.

use std::collections::HashSet;
use std::io;

use exercises::{EXERCISES, Exercise};

use crate::records::{self, are_done};

pub(crate) mod show;
mod watch;

use show::Card;
use watch::{Event, Watch};

/// Goes from one exercise to the next, and looks again when a file is saved. Returns when all are done,
/// or when there is nobody at the keyboard: whether all are done.
///
/// # Errors
///
/// When Cargo cannot be started.
pub(crate) fn guide(begin: Option<&'static Exercise>) -> io::Result<bool> {
    let mut watch = Watch::new();
    show::begin();
    let Standing { done, compiles } = Standing::find_out()?;
    let current = begin.unwrap_or_else(|| next_after(None, &done).unwrap_or(&EXERCISES[0]));
    let mut guide = Guide { done, current, hints: 0 };
    if compiles {
        guide.go_on()?;
    }
    while !guide.all_done() {
        if !guide.listen(&mut watch) {
            return Ok(false);
        }
        guide.go_on()?;
    }
    show::end();
    Ok(true)
}

/// Lists all exercises, and returns whether all are done.
///
/// # Errors
///
/// When Cargo cannot be started.
pub(crate) fn list() -> io::Result<bool> {
    show::begin();
    let Standing { done, compiles } = Standing::find_out()?;
    if compiles {
        show::board(&done, next_after(None, &done));
    }
    Ok(compiles && done.len() == EXERCISES.len())
}

/// Tries these exercises once, shows each task, and returns whether all are done.
///
/// # Errors
///
/// When Cargo cannot be started.
pub(crate) fn once(exercises: &[&'static Exercise]) -> io::Result<bool> {
    if let [exercise] = exercises {
        return Ok(try_one(exercise)? == Tried::Done);
    }
    let records = records::of_yours(exercises, false, |_| {})?;
    for exercise in exercises {
        let mut card = Card::new(exercise);
        let own = records.iter().filter(|it| it.exercise.name == exercise.name);
        own.for_each(|record| card.show(record));
    }
    Ok(exercises.iter().all(|exercise| are_done(exercise, &records)))
}

/// How an exercise went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Done,
    NotDone,
    DoesNotCompile,
}

/// Tries an exercise, and shows each task as soon as it has been tried.
fn try_one(exercise: &'static Exercise) -> io::Result<Tried> {
    let mut card = Card::new(exercise);
    let records = records::of_yours(&[exercise], false, |record| card.show(record))?;
    Ok(match (records.is_empty(), are_done(exercise, &records)) {
        (true, _) => Tried::DoesNotCompile,
        (false, true) => Tried::Done,
        (false, false) => Tried::NotDone,
    })
}

/// Which exercises are done.
type Done = HashSet<&'static str>;

/// What a look at all exercises has found.
struct Standing {
    done: Done,
    compiles: bool,
}

impl Standing {
    fn find_out() -> io::Result<Self> {
        let all: Vec<_> = EXERCISES.iter().collect();
        let records = records::of_yours(&all, true, |_| {})?;
        let done = all.iter().filter(|it| are_done(it, &records)).map(|it| it.name).collect();
        Ok(Standing { done, compiles: !records.is_empty() })
    }
}

/// The first exercise behind this one that is not done; behind the last comes the first.
fn next_after(exercise: Option<&Exercise>, done: &Done) -> Option<&'static Exercise> {
    let place = exercise.and_then(|it| EXERCISES.iter().position(|other| other.name == it.name));
    let begin = place.map_or(0, |place| place + 1);
    let mut in_turn = EXERCISES[begin..].iter().chain(&EXERCISES[..begin]);
    in_turn.find(|it| !done.contains(it.name))
}

/// One who works through the exercises.
struct Guide {
    done: Done,
    current: &'static Exercise,
    /// How many hints to the current exercise were shown.
    hints: usize,
}

impl Guide {
    fn all_done(&self) -> bool {
        self.done.len() == EXERCISES.len()
    }

    /// Tries the current exercise. When it is done, goes on to the next that is not.
    fn go_on(&mut self) -> io::Result<()> {
        loop {
            show::progress(&self.done);
            if try_one(self.current)? != Tried::Done {
                self.done.remove(self.current.name);
                return Ok(());
            }
            self.done.insert(self.current.name);
            match next_after(Some(self.current), &self.done) {
                Some(next) => self.turn_to(next),
                None => return Ok(()),
            }
        }
    }

    fn turn_to(&mut self, exercise: &'static Exercise) {
        if exercise.name != self.current.name {
            (self.current, self.hints) = (exercise, 0);
        }
    }

    /// Answers keys until an exercise is to be tried. Returns whether anybody is there.
    fn listen(&mut self, watch: &mut Watch) -> bool {
        loop {
            show::keys();
            match watch.next() {
                Event::Saved(exercise) => self.turn_to(exercise),
                Event::Key('n') => {
                    let next = next_after(Some(self.current), &self.done);
                    self.turn_to(next.unwrap_or(self.current));
                }
                Event::Key('h') => {
                    show::hint(self.current, self.hints);
                    self.hints += 1;
                    continue;
                }
                Event::Key('l') => {
                    show::board(&self.done, Some(self.current));
                    continue;
                }
                Event::Key('q') | Event::End => return false,
                Event::Key(_) => continue,
            }
            show::clear();
            return true;
        }
    }
}
