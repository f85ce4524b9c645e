//! A histogram of latencies in the few numbers that a report shows.

use std::time::Duration;

use crate::load::{Histogram, quantile};

/// The columns of a report, by name; `None` where there are too few samples.
pub(super) fn columns(latency: &Histogram<u64>) -> [(&'static str, Option<Duration>); 8] {
    let any = |nanoseconds: u64| (!latency.is_empty()).then_some(Duration::from_nanos(nanoseconds));
    [
        ("min", any(latency.min())),
        ("mean", any(latency.mean() as u64)),
        ("p50", quantile(latency, 0.5)),
        ("p90", quantile(latency, 0.9)),
        ("p95", quantile(latency, 0.95)),
        ("p99", quantile(latency, 0.99)),
        ("p99.9", quantile(latency, 0.999)),
        ("max", any(latency.max())),
    ]
}

/// One class of latencies: `from` is in it, `to` is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) count: u64,
}

/// The latencies in classes whose limits go 1, 2, 5, 10, ... from the smallest to the largest. What
/// the histogram cannot tell from a limit lies above it.
pub(super) fn classes(latency: &Histogram<u64>) -> Vec<Class> {
    let mut classes = all_classes();
    for recorded in latency.iter_recorded() {
        let sample = Duration::from_nanos(recorded.value_iterated_to());
        let index = classes.partition_point(|class| class.to <= sample);
        if let Some(class) = classes.get_mut(index) {
            class.count += recorded.count_at_value();
        }
    }
    let first = classes.iter().position(|class| class.count > 0).unwrap_or(classes.len());
    let last = classes.iter().rposition(|class| class.count > 0).map_or(first, |last| last + 1);
    classes.drain(first..last).collect()
}

/// From nothing to ten thousand seconds, far above what a histogram holds.
fn all_classes() -> Vec<Class> {
    let decades = (0..10).map(|power| Duration::from_micros(10_u64.pow(power)));
    let limits = decades.flat_map(|decade| [decade, 2 * decade, 5 * decade]);
    let mut from = Duration::ZERO;
    limits.map(|to| Class { from: std::mem::replace(&mut from, to), to, count: 0 }).collect()
}

/// A duration in three digits and the unit that fits.
pub(super) fn short(duration: Duration) -> String {
    let microseconds = duration.as_secs_f64() * 1e6;
    let (value, unit) = match microseconds {
        ..1e3 => (microseconds, "µs"),
        1e3..1e6 => (microseconds / 1e3, "ms"),
        _ => (microseconds / 1e6, "s"),
    };
    match value {
        ..9.995 => format!("{value:.2} {unit}"),
        ..99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(microseconds: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_max(3_600_000_000_000, 3).unwrap();
        for sample in microseconds {
            histogram.record(sample * 1000).unwrap();
        }
        histogram
    }

    fn names(latency: &Histogram<u64>) -> Vec<&'static str> {
        columns(latency)
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| *name)
            .collect()
    }

    #[test]
    fn a_quantile_needs_ten_samples_above_it() {
        assert_eq!(names(&histogram([])), [""; 0]);
        assert_eq!(names(&histogram([1])), ["min", "mean", "max"]);
        assert_eq!(names(&histogram(1..=99)), ["min", "mean", "p50", "max"]);
        assert_eq!(names(&histogram(1..=100)), ["min", "mean", "p50", "p90", "max"]);
        assert_eq!(names(&histogram(1..=10_000)).len(), 8);
    }

    #[test]
    fn a_class_holds_what_lies_between_its_limits() {
        let class = |from, to, count| Class {
            from: Duration::from_micros(from),
            to: Duration::from_micros(to),
            count,
        };
        let expected = [class(5, 10, 2), class(10, 20, 0), class(20, 50, 1)];
        assert_eq!(classes(&histogram([5, 9, 30])), expected);
        assert_eq!(classes(&histogram([])), []);
    }

    proptest! {
        #[test]
        fn every_sample_is_in_one_class(samples in prop::collection::vec(0_u64..1_000_000_000, 0..50)) {
            let count = samples.len() as u64;
            let total: u64 = classes(&histogram(samples)).iter().map(|class| class.count).sum();
            prop_assert_eq!(total, count);
        }
    }

    #[test]
    fn durations_are_short() {
        let cases = [
            (Duration::ZERO, "0.00 µs"),
            (Duration::from_nanos(9_994), "9.99 µs"),
            (Duration::from_nanos(12_345), "12.3 µs"),
            (Duration::from_micros(999), "999 µs"),
            (Duration::from_micros(1_234), "1.23 ms"),
            (Duration::from_secs(61), "61.0 s"),
        ];
        for (duration, expected) in cases {
            assert_eq!(short(duration), expected);
        }
    }
}
