//! The kinds of servers.

use serde::Serialize;

/// A kind of server. A loop by hand and the tasks of a runtime are one kind: to the kernel they are the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One client after the other.
    Iterative,
    /// A process for each connection.
    Fork,
    /// Processes made in advance, each with one client at a time.
    Prefork,
    /// A thread for each connection.
    Thread,
    /// Threads that stay, each with one client at a time.
    Pool,
    /// An event loop: who waits is told which connections are ready.
    Loop,
    /// A loop of completions: who waits is told which operations are done.
    Completions,
}

impl Kind {
    /// All of them, from the simplest on.
    pub const ALL: [Kind; 7] = [
        Kind::Iterative,
        Kind::Fork,
        Kind::Prefork,
        Kind::Thread,
        Kind::Pool,
        Kind::Loop,
        Kind::Completions,
    ];
}
