//! What work does: how many clients make progress at once whose answers are computed.

use std::io;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::places::Places;
use super::visitor::{Host, Visitor};

/// How clients were answered who all asked at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Turns {
    /// How many clients.
    pub clients: usize,
    /// How long an answer takes to one alone.
    pub alone_seconds: f64,
    /// When the first was answered.
    pub first_seconds: f64,
    /// When the last was.
    pub last_seconds: f64,
    /// Whether they were worked for one after the other: between any two answers was about the time of
    /// one. Those who are worked for by turns end together.
    pub one_by_one: bool,
    /// How many were answered within half the time that one alone takes, at the most.
    pub together: usize,
}

/// An answer that takes less long tells nothing: the kernel lets threads take turns of some milliseconds.
pub(super) const SHORTEST: Duration = Duration::from_millis(20);

impl Turns {
    /// Whether they were clearly worked for by turns. In between it is not known: a busy machine blurs it.
    pub fn is_by_turns(&self) -> bool {
        self.is_work() && 2 * self.together >= self.clients
    }

    /// Whether they were in each other's way: answers that merely wait would all have come like one.
    pub fn is_work(&self) -> bool {
        self.last_seconds > 2.0 * self.alone_seconds
    }
}

/// Has clients ask at one moment, four for each processor, where the answers take long enough to tell.
///
/// # Errors
///
/// When they cannot connect.
pub(super) fn look(host: &Host, places: &Places, alone: Duration) -> io::Result<Option<Turns>> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let clients = (4 * processors).max(8).min(places.served);
    let total = alone * u32::try_from(clients).unwrap_or(u32::MAX);
    if alone < SHORTEST || clients < 2 || !host.has_time_for(total + host.patience) {
        return Ok(None);
    }
    let mut visitors = (0..clients).map(|_| host.visit()).collect::<io::Result<Vec<Visitor>>>()?;
    visitors.iter_mut().for_each(Visitor::ask);
    host.settle(&mut visitors, host.patience + total);
    let answered = visitors.iter().filter(|it| it.is_answered());
    let mut times: Vec<f64> = answered.map(|it| it.took.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    host.part_with(visitors);
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(None) };
    let alone_seconds = alone.as_secs_f64();
    Ok((times.len() == clients).then(|| Turns {
        clients,
        alone_seconds,
        first_seconds: *first,
        last_seconds: *last,
        one_by_one: are_one_by_one(&times),
        together: most_within(alone_seconds / 2.0, &times),
    }))
}

/// Whether no two of these times, which are sorted, are close to each other: threads that work by turns
/// end a few turns of the processor apart. A busy machine makes some distances much longer than others.
fn are_one_by_one(times: &[f64]) -> bool {
    let mean = times.last().copied().unwrap_or_default() / times.len() as f64;
    let close = (mean / 10.0).max(SHORTEST.as_secs_f64() / 2.0);
    times.windows(2).all(|pair| pair[1] - pair[0] >= close)
}

/// How many of these times, which are sorted, lie within so long, at the most.
fn most_within(window: f64, times: &[f64]) -> usize {
    let from =
        |begin: &f64| times.iter().filter(|it| (*begin..=begin + window).contains(it)).count();
    times.iter().map(from).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_served_by_turns_end_together() {
        let one_by_one: Vec<f64> = (1..=8).map(f64::from).collect();
        assert!(are_one_by_one(&one_by_one));
        assert!(are_one_by_one(&[1.0, 7.5, 8.5, 9.6]));
        let two_at_a_time = [1.0, 1.01, 2.0, 2.2, 3.1, 3.3];
        assert!(!are_one_by_one(&two_at_a_time));
        assert_eq!(most_within(0.5, &two_at_a_time), 2);
        // One thread was luckier than the others.
        let by_turns = [1.0, 3.7, 3.8, 3.9, 4.0, 4.0];
        assert!(!are_one_by_one(&by_turns));
        assert_eq!(most_within(0.5, &by_turns), 5);
    }
}
