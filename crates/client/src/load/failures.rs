//! How often what went wrong.

use crate::failure::{Failure, FailureKind};

/// How many failures of each kind there were, and the first of each.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    counts: [u64; FailureKind::ALL.len()],
    first: [Option<String>; FailureKind::ALL.len()],
}

impl Failures {
    pub(super) fn add(&mut self, failure: &Failure) {
        let index = failure.kind() as usize;
        self.counts[index] += 1;
        self.first[index].get_or_insert_with(|| failure.to_string());
    }

    /// Adds those of another thread.
    pub(super) fn merge(&mut self, other: Failures) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        for (first, others) in self.first.iter_mut().zip(other.first) {
            *first = first.take().or(others);
        }
    }

    /// How many there were of one kind.
    pub fn count(&self, kind: FailureKind) -> u64 {
        self.counts[kind as usize]
    }

    /// The first of a kind, in words.
    pub fn first(&self, kind: FailureKind) -> Option<&str> {
        self.first[kind as usize].as_deref()
    }

    /// How many there were of all kinds.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_kind_is_counted_apart_and_its_first_case_is_kept() {
        let mut failures = Failures::default();
        for seconds in [1, 2] {
            failures.add(&Failure::TimedOut(Duration::from_secs(seconds)));
        }
        failures.add(&Failure::Refused);
        for kind in FailureKind::ALL {
            let expected = match kind {
                FailureKind::TimedOut => 2,
                FailureKind::Refused => 1,
                _ => 0,
            };
            assert_eq!(failures.count(kind), expected, "{kind}");
        }
        assert_eq!(failures.first(FailureKind::TimedOut), Some("no answer within 1s"));
        assert_eq!(failures.total(), 3);
    }
}
