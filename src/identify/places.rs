//! How many clients are served at once, and what becomes of the others.

use std::time::Duration;

use serde::Serialize;
use server_process::sockets;

use super::visitor::{Host, State, Visitor};

/// How many clients a server serves at once.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Places {
    /// How many stayed and were served at once: in each attempt, or at the most where these differ.
    pub served: usize,
    /// How many in the attempt in which they were fewest.
    pub fewest: usize,
    /// How many had come then at most.
    pub came: usize,
    /// How many it takes to hold all places: more than there are, where chance decides who is served.
    pub to_fill: usize,
    /// Whether somebody was not served although all before stayed, so that `served` is a limit.
    pub is_limit: bool,
    /// What became of those beyond the limit.
    pub beyond: Option<Beyond>,
}

impl Places {
    /// Whether one client is served, and the next one waits.
    pub(super) fn is_one_at_a_time(&self) -> bool {
        self.is_limit && self.served == 1
    }

    /// Whether somebody was served when another one left, as far as that was seen.
    pub(super) fn frees_places(&self) -> bool {
        self.beyond.as_ref().is_none_or(|it| it.followed > 0 || it.not_followed == 0)
    }
}

/// What becomes of those for whom there is no place.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Beyond {
    /// Whether the server turned them away in the place of letting them wait.
    pub rejected: bool,
    /// How many of them the server had accepted, and how many it was known of.
    pub accepted: Option<(usize, usize)>,
    /// How often one left and another one was served.
    pub followed: usize,
    /// How often that was the one who had waited longest.
    pub in_order: usize,
    /// How often one left and nobody was served.
    pub not_followed: usize,
}

/// How many wait at least while it is seen who is next.
const QUEUE: usize = 3;

/// How often it is seen who is next.
const TURNS: usize = 12;

/// How often it is counted at most before two counts agree.
const ATTEMPTS: usize = 5;

/// Those who came in one attempt.
struct Crowd {
    served: Vec<Visitor>,
    frozen: Vec<Visitor>,
    rejected: usize,
    /// Whether there were some whom not even the backlog took.
    overflowed: bool,
}

impl Crowd {
    fn is_limited(&self) -> bool {
        !self.frozen.is_empty() || self.rejected > 0 || self.overflowed
    }

    fn came(&self) -> usize {
        self.served.len() + self.frozen.len() + self.rejected + usize::from(self.overflowed)
    }
}

/// Counts how many are served at once, up to so many, until two counts agree; and sees who of the others
/// is next.
pub(super) fn count(host: &Host, at_most: usize, queues: usize) -> Places {
    // Where each worker has its own queue, chance decides who waits: only many clients find all workers.
    let first = if queues > 1 { at_most.min(8 * queues) } else { 1 };
    let (mut places, mut counts) = (Places::default(), Vec::new());
    loop {
        let crowd = fill(host, first.max(places.served + 1), at_most);
        counts.push(crowd.served.len());
        places.served = counts.iter().copied().max().unwrap_or_default();
        places.fewest = counts.iter().copied().min().unwrap_or_default();
        places.came = places.came.max(crowd.came());
        // Who is not served because the time is over is not frozen.
        places.is_limit = crowd.is_limited() && host.has_time_for(Duration::ZERO);
        places.to_fill = first.max(places.served);
        let is_last = agree(&counts) || counts.len() == ATTEMPTS || !has_time(host);
        if !places.is_limit {
            places.fewest = places.served;
            host.part_with(crowd.served.into_iter().chain(crowd.frozen).collect());
            return places;
        } else if is_last {
            places.beyond = Some(follow(host, crowd));
            return places;
        }
        host.part_with(crowd.served.into_iter().chain(crowd.frozen).collect());
    }
}

fn agree(counts: &[usize]) -> bool {
    matches!(counts, [.., one, other] if one == other)
}

/// Lets `first` come and one more, and then twice as many each time, until somebody freezes.
fn fill(host: &Host, first: usize, at_most: usize) -> Crowd {
    let (mut crowd, mut rejected, mut overflowed) = (Vec::new(), 0, false);
    while crowd.len() < at_most && !overflowed {
        let target = if crowd.is_empty() { first } else { 2 * crowd.len() }.min(at_most);
        let more = host.ask_by(target - crowd.len());
        overflowed = crowd.len() + more.len() < target;
        crowd.extend(more);
        // Twice, lest a moment in which the machine was busy be taken for a limit.
        for _ in 0..2 {
            host.settle(&mut crowd, host.patience);
        }
        let gone = |it: &Visitor| matches!(it.state, State::Gone(_));
        rejected += crowd.extract_if(.., |it| gone(it)).count();
        if rejected > 0 || crowd.iter().any(Visitor::is_waiting) {
            break;
        }
    }
    let (served, frozen) = crowd.into_iter().partition(Visitor::is_answered);
    Crowd { served, frozen, rejected, overflowed }
}

/// Sees where those wait who are frozen, and who of them is next when one leaves.
fn follow(host: &Host, mut crowd: Crowd) -> Beyond {
    let mut beyond = Beyond { rejected: crowd.rejected > 0, ..Beyond::default() };
    let more = QUEUE.saturating_sub(crowd.frozen.len());
    if !beyond.rejected && !crowd.overflowed {
        crowd.frozen.extend(host.ask_by(more));
    }
    // Those who came last may be on their way into the server.
    host.settle(&mut crowd.frozen, host.patience);
    // Where each worker has a queue of its own, others than theirs may have a place.
    crowd.served.extend(crowd.frozen.extract_if(.., |it| it.is_answered()));
    let waiting: Vec<_> = crowd.frozen.iter().map(|it| it.local).collect();
    let ends = sockets::server_ends(host.address, &waiting).ok();
    beyond.accepted = ends.map(|ends| (ends.iter().flatten().count(), ends.len()));
    for turn in 0..TURNS {
        if crowd.served.is_empty() || crowd.frozen.is_empty() || !has_time(host) {
            break;
        }
        // Now the first of those who are served, now the last.
        let place = if turn % 2 == 0 { 0 } else { crowd.served.len() - 1 };
        host.part_with(vec![crowd.served.remove(place)]);
        match next(host, &mut crowd.frozen) {
            Some(place) => {
                beyond.followed += 1;
                beyond.in_order += usize::from(place == 0);
                crowd.served.push(crowd.frozen.remove(place));
                crowd.frozen.extend(host.ask().ok());
            }
            None => beyond.not_followed += 1,
        }
    }
    host.part_with(crowd.served.into_iter().chain(crowd.frozen).collect());
    beyond
}

/// Whether there is time to see who is next, beside what else is to be found out.
fn has_time(host: &Host) -> bool {
    host.has_time_for(6 * host.patience)
}

/// The place of the one who is answered next.
fn next(host: &Host, frozen: &mut [Visitor]) -> Option<usize> {
    // All may have been rejected meanwhile.
    let fewer = frozen.iter().filter(|it| it.is_waiting()).count().checked_sub(1)?;
    let begin = std::time::Instant::now();
    while begin.elapsed() < 2 * host.patience {
        host.settle_until(frozen, host.patience, fewer);
        if let Some(place) = frozen.iter().position(Visitor::is_answered) {
            return Some(place);
        }
    }
    None
}
