//! The kinds of servers, and what speaks against each.

use serde::Serialize;

use super::Evidence;
use super::inside::{Inside, extra_threads};
use super::turns::Turns;
use crate::instruments::waits::Wait;

/// A kind of server. A loop by hand and the tasks of a runtime are one kind: to the kernel they are the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One client after the other.
    Iterative,
    /// A process for each connection.
    Fork,
    /// Processes made beforehand, each with one client at a time.
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

/// How well the evidence fits a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it usually is.
    Well,
    /// Only if something makes it look like another kind: a limit, so many workers, a lock.
    IfLimited,
    /// Not: because of this.
    Not(String),
}

use Fit::{IfLimited, Not, Well};

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

    /// How well the evidence fits it.
    pub(super) fn fit(self, evidence: &Evidence) -> Fit {
        let inside = evidence.inside.as_ref();
        match self.objection_outside(evidence).or_else(|| self.objection_inside(inside?)) {
            Some(objection) => Not(objection),
            None if inside.is_some() || self.is_usual(evidence) => Well,
            None => IfLimited,
        }
    }

    /// Whether it shows itself so to clients where it was given no limit but the number of its workers.
    fn is_usual(self, evidence: &Evidence) -> bool {
        let places = &evidence.places;
        match self {
            Kind::Iterative => true,
            Kind::Prefork | Kind::Pool => {
                let takes_turns = evidence.accepts_whom_it_does_not_serve() || places.served > 1;
                places.is_limit && places.frees_places() && takes_turns && !evidence.is_one_by_one()
            }
            Kind::Fork | Kind::Thread => !places.is_limit && !evidence.is_one_by_one(),
            // Many turns at once take as many threads.
            Kind::Loop | Kind::Completions => {
                !places.is_limit && !evidence.turns.as_ref().is_some_and(Turns::is_by_turns)
            }
        }
    }

    /// What clients see that speaks against it.
    fn objection_outside(self, evidence: &Evidence) -> Option<String> {
        let places = &evidence.places;
        match self {
            Kind::Iterative if places.served > 1 => {
                Some(format!("{} were served at once", places.served))
            }
            Kind::Iterative | Kind::Prefork if evidence.accepts_whom_it_does_not_serve() => {
                Some("it accepts clients whom it does not serve yet".to_owned())
            }
            Kind::Iterative if evidence.queues > Some(1) => {
                Some("several sockets listen at its address".to_owned())
            }
            Kind::Pool
                if places.is_one_at_a_time() && !evidence.accepts_whom_it_does_not_serve() =>
            {
                Some("one thread that accepts for itself is an iterative server".to_owned())
            }
            _ => None,
        }
    }

    /// What its processes show that speaks against it.
    fn objection_inside(self, inside: &Inside) -> Option<String> {
        let objections = self.signs(inside);
        objections.into_iter().find(|(speaks_against, _)| *speaks_against).map(|(_, what)| what)
    }

    /// Whether a sign speaks against it, and which.
    fn signs(self, inside: &Inside) -> Vec<(bool, String)> {
        let held = inside.held;
        let adds_processes = inside.processes_each() > 0.5;
        let adds_threads = inside.threads_each() > 0.5;
        let processes = (adds_processes, "a connection adds a process".to_owned());
        let in_children = (
            inside.children_that_hold > 0,
            "a child of the server's process holds a connection".to_owned(),
        );
        let wait_for_one = inside.waiting(&[Wait::Receive, Wait::Send, Wait::PollOne]);
        let one_each =
            (wait_for_one >= held, format!("{wait_for_one} threads wait for one client each"));
        let brief_threads = (
            adds_threads && inside.gives_back(),
            "a connection adds a thread, which ends with it".to_owned(),
        );
        match self {
            Kind::Iterative => vec![
                processes,
                (adds_threads, "a connection adds a thread".to_owned()),
                in_children,
                (
                    inside.waiting(&[Wait::Epoll, Wait::Completion, Wait::Poll]) > 0,
                    "somebody waits for other clients while one is served".to_owned(),
                ),
            ],
            Kind::Fork => vec![
                (
                    !adds_processes && inside.new_holders < held,
                    "a connection adds no process".to_owned(),
                ),
                (
                    !inside.gives_back(),
                    "its processes stay when their clients have left".to_owned(),
                ),
            ],
            Kind::Prefork => vec![
                (
                    adds_processes && inside.gives_back(),
                    "a connection adds a process, which ends with it".to_owned(),
                ),
                (
                    inside.new_holders > 0 && inside.gives_back(),
                    "a process that holds a connection was not there before".to_owned(),
                ),
                (
                    inside.children_that_hold < held,
                    format!("{held} connections are not in as many children of its process"),
                ),
            ],
            Kind::Thread => vec![
                processes,
                (
                    inside.waiting(&[Wait::Receive, Wait::Send, Wait::PollOne, Wait::Poll]) < held
                        && !inside.is_busy(),
                    "not each client has a thread that waits for it".to_owned(),
                ),
                (!adds_threads, "a connection adds no thread".to_owned()),
                (!inside.gives_back(), "its threads stay when their clients have left".to_owned()),
            ],
            Kind::Pool => vec![
                processes,
                in_children,
                brief_threads,
                (extra_threads(&inside.during.family) == 0, "it has one thread".to_owned()),
                (
                    extra_threads(&inside.during.family) + 1 < held,
                    format!("it has fewer threads than {held} clients"),
                ),
                (
                    wait_for_one < held && !inside.is_busy(),
                    format!("{wait_for_one} threads wait for a client, and {held} are served"),
                ),
            ],
            Kind::Loop => vec![
                processes,
                brief_threads,
                one_each,
                (
                    inside.waiting(&[Wait::Epoll, Wait::Poll]) == 0 && !inside.is_busy(),
                    "no thread waits for many descriptors at once".to_owned(),
                ),
            ],
            Kind::Completions => vec![
                processes,
                brief_threads,
                one_each,
                (inside.queues.io_uring == 0, "it has no ring".to_owned()),
                (
                    inside.waiting(&[Wait::Completion]) == 0 && !inside.is_busy(),
                    "no thread waits for completions".to_owned(),
                ),
            ],
        }
    }
}

impl Evidence {
    /// Whether clients that computed were served one after the other, though connected at once.
    pub(super) fn is_one_by_one(&self) -> bool {
        let is_so = |it: &Turns| it.is_work() && it.one_by_one && it.clients >= 4;
        self.turns.as_ref().is_some_and(is_so)
    }

    /// Whether those who were frozen had been accepted.
    pub(super) fn accepts_whom_it_does_not_serve(&self) -> bool {
        let beyond = self.places.beyond.as_ref();
        beyond.and_then(|it| it.accepted).is_some_and(|(accepted, of)| 2 * accepted > of)
    }
}

impl Inside {
    /// How many threads waited in one of these while the connections were open.
    pub(super) fn waiting(&self, waits: &[Wait]) -> usize {
        waits.iter().filter_map(|wait| self.during.waits.get(wait)).sum()
    }

    /// Whether a thread ran at that moment, so that it is not known what it waits in.
    fn is_busy(&self) -> bool {
        self.waiting(&[Wait::Nothing, Wait::Unknown]) > 0
    }
}
