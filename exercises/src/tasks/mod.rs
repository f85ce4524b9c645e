//! What each exercise has to do.

use crate::Exercise;

mod bare;
mod client;
mod facts;

mod job {
    pub(super) mod framing;
}
mod iterative {
    pub(super) mod bare;
    pub(super) mod ending;
    pub(super) mod survival;
}
mod fork {
    pub(super) mod bare;
    pub(super) mod child;
    pub(super) mod reaping;
}
mod prefork {
    pub(super) mod address;
    pub(super) mod bare;
    pub(super) mod crew;
}
mod thread {
    pub(super) mod bare;
    pub(super) mod limit;
    pub(super) mod together;
}
mod pool {
    pub(super) mod bare;
    pub(super) mod closing;
    pub(super) mod workers;
}
mod event {
    pub(super) mod bare;
    pub(super) mod edge;
    pub(super) mod loops;
    pub(super) mod outbox;
}
mod r#async {
    pub(super) mod bare;
    pub(super) mod nap;
    pub(super) mod patience;
}
mod uring {
    #[cfg(target_os = "linux")]
    pub(super) mod bare;
    pub(super) mod lending;
    pub(super) mod result;
}
mod sharing {
    pub(super) mod census;
}

/// All of them, in the order of the book.
pub const EXERCISES: &[Exercise] = &[
    job::framing::EXERCISE,
    iterative::ending::EXERCISE,
    iterative::survival::EXERCISE,
    iterative::bare::EXERCISE,
    fork::child::EXERCISE,
    fork::reaping::EXERCISE,
    fork::bare::EXERCISE,
    prefork::address::EXERCISE,
    prefork::crew::EXERCISE,
    prefork::bare::EXERCISE,
    thread::together::EXERCISE,
    thread::limit::EXERCISE,
    thread::bare::EXERCISE,
    pool::closing::EXERCISE,
    pool::workers::EXERCISE,
    pool::bare::EXERCISE,
    event::edge::EXERCISE,
    event::outbox::EXERCISE,
    event::bare::EXERCISE,
    event::loops::EXERCISE,
    r#async::nap::EXERCISE,
    r#async::patience::EXERCISE,
    r#async::bare::EXERCISE,
    uring::result::EXERCISE,
    uring::lending::EXERCISE,
    #[cfg(target_os = "linux")]
    uring::bare::EXERCISE,
    sharing::census::EXERCISE,
];

/// The exercise of that name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|it| it.name == name)
}
