//! What each exercise has to do.

use crate::Exercise;

mod client;
mod facts;
mod page;

mod job {
    pub(super) mod framing;
}
mod iterative {
    pub(super) mod ending;
    pub(super) mod page;
    pub(super) mod survival;
}
mod fork {
    pub(super) mod child;
    pub(super) mod page;
    pub(super) mod reaping;
}
mod prefork {
    pub(super) mod address;
    pub(super) mod crew;
    pub(super) mod page;
}
mod thread {
    pub(super) mod limit;
    pub(super) mod page;
    pub(super) mod together;
}
mod pool {
    pub(super) mod closing;
    pub(super) mod page;
    pub(super) mod workers;
}
mod event {
    pub(super) mod edge;
    pub(super) mod outbox;
    pub(super) mod page;
}
mod r#async {
    pub(super) mod nap;
    pub(super) mod page;
    pub(super) mod patience;
}
mod uring {
    pub(super) mod lending;
    #[cfg(target_os = "linux")]
    pub(super) mod page;
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
    iterative::page::EXERCISE,
    fork::child::EXERCISE,
    fork::reaping::EXERCISE,
    fork::page::EXERCISE,
    prefork::address::EXERCISE,
    prefork::crew::EXERCISE,
    prefork::page::EXERCISE,
    thread::together::EXERCISE,
    thread::limit::EXERCISE,
    thread::page::EXERCISE,
    pool::closing::EXERCISE,
    pool::workers::EXERCISE,
    pool::page::EXERCISE,
    event::edge::EXERCISE,
    event::outbox::EXERCISE,
    event::page::EXERCISE,
    r#async::nap::EXERCISE,
    r#async::patience::EXERCISE,
    r#async::page::EXERCISE,
    uring::result::EXERCISE,
    uring::lending::EXERCISE,
    #[cfg(target_os = "linux")]
    uring::page::EXERCISE,
    sharing::census::EXERCISE,
];

/// The exercise of that name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|it| it.name == name)
}
