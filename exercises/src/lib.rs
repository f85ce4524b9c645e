//! Exercises of 5 to 15 minutes: at least three for each model, from a missing line to a whole server.
//! The guide says where you stand and what is next, and looks again when you save a file:
//!
//! ```console
//! $ cargo run -p exercises
//! ```
//!
//! | where | what |
//! | --- | --- |
//! | `src/yours` | the files to work on: each compiles, and does not yet do what it says |
//! | `src/tasks` | what each of them has to do, and two hints |
//! | `src/solutions` | one solution of each |
//! | [`attempt`] | how a task is tried: in a process of its own, with a deadline |
//!
//! A solution of an exercise called `bare` is the bare server of that model itself, the file
//! `src/bare.rs` of its crate. Without the feature `yours` the same tasks are tried with the solutions.

#[cfg_attr(feature = "yours", path = "yours/mod.rs")]
#[cfg_attr(not(feature = "yours"), path = "solutions/mod.rs")]
// To those who work on it, each file is a library of its own.
#[allow(dead_code, unreachable_pub)]
mod answers;

pub mod attempt;
mod exercise;
mod tasks;

/// What a gate is made of, here and where every order of its threads is tried.
mod sync {
    pub(crate) use std::sync::{Condvar, Mutex};
}

pub use exercise::{Exercise, Fault, Kind, Outcome, Task};
pub use tasks::{EXERCISES, find};
