//! Quantiles of latencies, where there are enough of them.

use std::time::Duration;

use super::Histogram;

/// How many samples must lie above a quantile, before it says more than chance.
const ENOUGH_ABOVE: f64 = 10.0;

/// The latency that the share `at` of all does not exceed; nothing where fewer than ten do.
pub fn quantile(latency: &Histogram<u64>, at: f64) -> Option<Duration> {
    quantile_of_few(latency, at, ENOUGH_ABOVE)
}

/// The latency that the share `at` of all does not exceed; nothing where fewer than `enough_above` do.
pub fn quantile_of_few(latency: &Histogram<u64>, at: f64, enough_above: f64) -> Option<Duration> {
    let above = latency.len() as f64 * (1.0 - at);
    let value = || Duration::from_nanos(latency.value_at_quantile(at));
    (above >= enough_above - 1e-6).then(value)
}

/// As [`quantile`], where `more` have waited for `at_least` and have then given up: it is not known how long
/// they would have waited, only that it was longer than those who were answered sooner.
pub fn quantile_with(
    latency: &Histogram<u64>,
    more: u64,
    at_least: Duration,
    at: f64,
) -> Option<Duration> {
    let all = latency.len() + more;
    let above = all as f64 * (1.0 - at);
    // A little less, since neither factor is exact.
    if above < ENOUGH_ABOVE - 1e-6 {
        return None;
    }
    let rank = (all as f64 * at).ceil();
    if rank > latency.len() as f64 {
        return Some(at_least);
    }
    let share = rank / latency.len() as f64;
    Some(Duration::from_nanos(latency.value_at_quantile(share)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(milliseconds: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_max(3_600_000_000_000, 3).unwrap();
        milliseconds.into_iter().for_each(|it| histogram.record(it * 1_000_000).unwrap());
        histogram
    }

    #[test]
    fn a_quantile_needs_ten_samples_above_it() {
        assert_eq!(quantile(&histogram(1..=19), 0.5), None);
        assert!(quantile(&histogram(1..=20), 0.5).is_some());
        assert_eq!(quantile(&histogram(1..=999), 0.99), None);
        assert!(quantile(&histogram(1..=1000), 0.99).is_some());
    }

    #[test]
    fn those_who_gave_up_are_not_forgotten() {
        let answered = histogram(1..=60);
        let patience = Duration::from_secs(1);
        let rough = |at| quantile_with(&answered, 40, patience, at).map(|it| it.as_millis());
        // Of a hundred the fiftieth was answered, and the ninetieth gave up.
        assert_eq!((rough(0.5), rough(0.9)), (Some(50), Some(1000)));
        assert_eq!(quantile(&answered, 0.5).map(|it| it.as_millis()), Some(30));
    }
}
