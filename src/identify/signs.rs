//! What a server's processes show, and which kind that speaks against.

use super::inside::{Inside, extra_threads};
use super::kinds::Kind;
use crate::kernel::waits::Wait;

/// What speaks against a kind, where the processes show it.
type Sign = fn(&Inside) -> Option<String>;

/// Calls in which a thread waits for one client.
const FOR_ONE: [Wait; 3] = [Wait::Receive, Wait::Send, Wait::PollOne];

/// The first sign against a kind.
pub(super) fn against(kind: Kind, inside: &Inside) -> Option<String> {
    of(kind).iter().find_map(|sign| sign(inside))
}

/// The signs that speak against a kind.
fn of(kind: Kind) -> &'static [Sign] {
    match kind {
        Kind::Iterative => &[adds_processes, adds_threads, is_in_children, waits_for_others],
        Kind::Fork => &[adds_no_process, keeps_units],
        Kind::Prefork => &[adds_brief_processes, is_in_new_processes, is_not_in_a_child_each],
        Kind::Thread => &[adds_processes, lacks_a_waiting_thread_each, adds_no_thread, keeps_units],
        Kind::Pool => &[
            adds_processes,
            is_in_children,
            adds_brief_threads,
            has_one_thread,
            has_too_few_threads,
            lacks_a_waiting_thread_each,
        ],
        Kind::Loop => &[
            adds_processes,
            adds_brief_threads,
            is_in_new_processes,
            has_a_waiting_thread_each,
            waits_for_many_nowhere,
            waits_for_completions_instead,
        ],
        Kind::Completions => &[
            adds_processes,
            adds_brief_threads,
            is_in_new_processes,
            has_a_waiting_thread_each,
            has_no_ring,
            waits_for_completions_nowhere,
        ],
    }
}

fn adds_processes(inside: &Inside) -> Option<String> {
    inside.adds_processes().then(|| "a connection adds a process".to_owned())
}

fn adds_no_process(inside: &Inside) -> Option<String> {
    let adds = inside.adds_processes() || inside.new_holders >= inside.held;
    (!adds).then(|| "a connection adds no process".to_owned())
}

fn adds_brief_processes(inside: &Inside) -> Option<String> {
    let brief = inside.adds_processes() && inside.gives_back();
    brief.then(|| "a connection adds a process, which ends with it".to_owned())
}

fn is_in_new_processes(inside: &Inside) -> Option<String> {
    let new = inside.new_holders > 0 && inside.gives_back();
    new.then(|| "a process that holds a connection was not there before".to_owned())
}

fn is_in_children(inside: &Inside) -> Option<String> {
    let held = inside.children_that_hold > 0;
    held.then(|| "a child of the server's process holds a connection".to_owned())
}

fn is_not_in_a_child_each(inside: &Inside) -> Option<String> {
    let held = inside.held;
    (inside.children_that_hold < held)
        .then(|| format!("{held} connections are not in as many children of its process"))
}

fn adds_threads(inside: &Inside) -> Option<String> {
    inside.adds_threads().then(|| "a connection adds a thread".to_owned())
}

fn adds_no_thread(inside: &Inside) -> Option<String> {
    (!inside.adds_threads()).then(|| "a connection adds no thread".to_owned())
}

fn adds_brief_threads(inside: &Inside) -> Option<String> {
    let brief = inside.adds_threads() && inside.gives_back();
    brief.then(|| "a connection adds a thread, which ends with it".to_owned())
}

fn keeps_units(inside: &Inside) -> Option<String> {
    let kept = "what a connection adds stays when its client has left";
    (!inside.gives_back()).then(|| kept.to_owned())
}

fn has_one_thread(inside: &Inside) -> Option<String> {
    (extra_threads(&inside.during.family) == 0).then(|| "it has one thread".to_owned())
}

fn has_too_few_threads(inside: &Inside) -> Option<String> {
    let few = extra_threads(&inside.during.family) + 1 < inside.held;
    few.then(|| format!("it has fewer threads than {} clients", inside.held))
}

/// A thread that polls its client and something that stops it waits for a client too.
fn lacks_a_waiting_thread_each(inside: &Inside) -> Option<String> {
    let waiting = inside.waiting(&FOR_ONE) + inside.waiting(&[Wait::Poll]);
    (waiting < inside.held && !inside.is_busy())
        .then(|| format!("{waiting} threads wait for a client, and {} are served", inside.held))
}

/// A loop that polls is one thread, or a few: as many as there are clients are none.
fn has_a_waiting_thread_each(inside: &Inside) -> Option<String> {
    let (for_one, polling) = (inside.waiting(&FOR_ONE), inside.waiting(&[Wait::Poll]));
    let each = for_one >= inside.held || (inside.held > 1 && polling >= inside.held);
    each.then(|| format!("{} threads wait for a client each", for_one.max(polling)))
}

fn waits_for_others(inside: &Inside) -> Option<String> {
    let others = inside.waiting(&[Wait::Epoll, Wait::Completion]) > 0;
    others.then(|| "somebody waits for other clients while one is served".to_owned())
}

fn waits_for_many_nowhere(inside: &Inside) -> Option<String> {
    let nowhere = inside.waiting(&[Wait::Epoll, Wait::Poll]) == 0 && !inside.is_busy();
    nowhere.then(|| "no thread waits for many descriptors at once".to_owned())
}

/// Who polls beside a ring may be the one that accepts for several loops.
fn waits_for_completions_instead(inside: &Inside) -> Option<String> {
    let instead = inside.queues.io_uring > 0
        && inside.waiting(&[Wait::Completion]) > 0
        && inside.waiting(&[Wait::Epoll]) == 0;
    instead.then(|| "its loop waits for completions".to_owned())
}

fn has_no_ring(inside: &Inside) -> Option<String> {
    (inside.queues.io_uring == 0).then(|| "it has no ring".to_owned())
}

/// A ring can tell an `epoll` descriptor that operations are done.
fn waits_for_completions_nowhere(inside: &Inside) -> Option<String> {
    let nowhere = inside.waiting(&[Wait::Completion, Wait::Epoll]) == 0 && !inside.is_busy();
    nowhere.then(|| "no thread waits for completions".to_owned())
}
