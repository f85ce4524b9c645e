//! What an exercise is.

use std::error::Error;
use std::fmt::{self, Display};

/// A file to work on.
#[derive(Debug)]
pub struct Exercise {
    /// Its chapter and its own name, such as `thread/limit`: also its path in `src/yours`.
    pub name: &'static str,
    /// What is to be done with the file.
    pub kind: Kind,
    /// What is wrong with the file as it stands.
    pub about: &'static str,
    /// Where to look, and then what to do. Neither is the solution.
    pub hints: [&'static str; 2],
    /// What it is held against, in rising order.
    pub tasks: &'static [Task],
}

/// How much an exercise asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line, or two, are missing or in the wrong place.
    Line,
    /// It works for the clients that its author thought of.
    Bug,
    /// There is a skeleton.
    Piece,
}

/// One thing that an exercise's file has to do.
#[derive(Debug)]
pub struct Task {
    /// What, as a sentence.
    pub name: &'static str,
    /// Whether the file does it from the start, and is to do it to the end.
    pub still: bool,
    /// Tries it.
    pub run: fn() -> Outcome,
}

/// How a task went.
pub type Outcome = Result<(), Fault>;

/// Why a task is not done.
#[derive(Debug)]
pub enum Fault {
    /// What was seen, in a line.
    Wrong(String),
    /// It cannot be tried on this machine, and why.
    NotHere(&'static str),
}

impl Exercise {
    /// The chapter of the book that it belongs to.
    pub fn chapter(&self) -> &'static str {
        self.name.split_once('/').map_or(self.name, |(chapter, _)| chapter)
    }

    /// Its file, from the root of the repository.
    pub fn file(&self) -> String {
        format!("exercises/src/yours/{}.rs", self.name)
    }
}

impl Kind {
    /// How long it may take, in minutes.
    pub fn minutes(self) -> u8 {
        match self {
            Kind::Line => 5,
            Kind::Bug => 10,
            Kind::Piece => 15,
        }
    }
}

impl Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Kind::Line => "complete a line",
            Kind::Bug => "mend a bug",
            Kind::Piece => "build a piece",
        })
    }
}

impl Task {
    /// Something to be done.
    pub(crate) const fn new(name: &'static str, run: fn() -> Outcome) -> Self {
        Task { name, still: false, run }
    }

    /// Something that must stay as it is.
    pub(crate) const fn still(name: &'static str, run: fn() -> Outcome) -> Self {
        Task { name, still: true, run }
    }
}

impl<E: Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Fault::Wrong(error.to_string())
    }
}

/// Ends a task where what your code returned is not right, and says which is which.
macro_rules! right {
    ($what:expr, $yours:expr, $right:expr $(,)?) => {
        match (&$yours, &$right) {
            (yours, right) if yours == right => {}
            (yours, right) => {
                let (what, wrong) = ($what, format!("yours {yours:?}, right {right:?}"));
                return Err($crate::Fault::Wrong(format!("{what}: {wrong}")));
            }
        }
    };
}

/// Ends a task where something does not hold, and says what was seen instead.
macro_rules! holds {
    ($holds:expr, $seen:expr $(,)?) => {
        if !$holds {
            return Err($crate::Fault::Wrong($seen.to_string()));
        }
    };
}

pub(crate) use {holds, right};
