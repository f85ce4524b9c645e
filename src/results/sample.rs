//! A figure, and what the rounds of an experiment measured of it.

use serde::{Deserialize, Serialize};

/// The unit of a rate.
pub const PER_SECOND: &str = "per second";

/// A figure that is taken from each measurement `T`, typed once for rows, tables and plots.
pub struct Figure<T> {
    /// Its name.
    pub name: &'static str,
    /// Its unit; empty for a pure number.
    pub unit: &'static str,
    /// Takes it from a measurement, where that has it.
    pub of: fn(&T) -> Option<f64>,
}

/// A figure: its name, its unit and what it is.
pub const fn figure<T>(
    name: &'static str,
    unit: &'static str,
    of: fn(&T) -> Option<f64>,
) -> Figure<T> {
    Figure { name, unit, of }
}

/// Medians that differ by less than this share are alike, whatever the rounds: the next run may turn them round.
const ALIKE: f64 = 0.05;

/// One figure as each round measured it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// How many rounds there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value of each round.
    pub fn rounds(&self) -> &[f64] {
        &self.0
    }

    /// Adds what one more round measured. A quotient of nothing is no measurement.
    pub fn push(&mut self, value: f64) {
        if value.is_finite() {
            self.0.push(value);
        }
    }

    /// The smallest and the largest round; nothing without any.
    pub fn range(&self) -> Option<(f64, f64)> {
        let smallest = self.0.iter().copied().min_by(f64::total_cmp)?;
        let largest = self.0.iter().copied().max_by(f64::total_cmp)?;
        Some((smallest, largest))
    }

    /// Whether the rounds show that this is another figure: none of one lies among the other's, and the medians are
    /// not alike.
    pub fn is_told_apart_from(&self, other: &Self) -> bool {
        let (Some((least, most)), Some((other_least, other_most))) = (self.range(), other.range())
        else {
            return false;
        };
        let (median, other) = (self.median(), other.median());
        let is_alike = (median - other).abs() <= ALIKE * median.abs().max(other.abs());
        (least > other_most || other_least > most) && !is_alike
    }

    /// The middle of the rounds; 0 without any.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) {
            (Some(low), Some(high)) => f64::midpoint(*low, *high),
            _ => 0.0,
        }
    }

    /// Half the distance from the smallest to the largest round, in percent of the median's size.
    pub fn spread_percent(&self) -> f64 {
        match (self.range(), self.median().abs()) {
            (None, _) | (_, 0.0) => 0.0,
            (Some((smallest, largest)), median) => 50.0 * (largest - smallest) / median,
        }
    }
}

impl From<Vec<f64>> for Sample {
    fn from(rounds: Vec<f64>) -> Self {
        Sample(rounds)
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(rounds: I) -> Self {
        Sample(rounds.into_iter().filter(|value| value.is_finite()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample(values.to_vec())
    }

    #[test]
    fn the_median_ignores_an_outlier_and_halves_an_even_middle() {
        assert_eq!(sample(&[3.0, 1.0, 1000.0]).median(), 3.0);
        assert_eq!(sample(&[4.0, 1.0, 2.0, 1000.0]).median(), 3.0);
        assert_eq!(sample(&[]).median(), 0.0);
    }

    #[test]
    fn rounds_that_overlap_and_medians_that_are_alike_are_not_told_apart() {
        let low = sample(&[100.0, 101.0, 102.0]);
        assert!(low.is_told_apart_from(&sample(&[120.0, 121.0, 122.0])));
        assert!(sample(&[120.0, 121.0, 122.0]).is_told_apart_from(&low));
        assert!(!low.is_told_apart_from(&sample(&[102.0, 121.0, 122.0])));
        assert!(!low.is_told_apart_from(&sample(&[103.0, 104.0, 105.0])));
        assert!(!low.is_told_apart_from(&sample(&[])));
    }

    #[test]
    fn the_spread_is_half_the_range_in_percent_of_the_median() {
        assert_eq!(sample(&[90.0, 100.0, 110.0]).spread_percent(), 10.0);
        assert_eq!(sample(&[-90.0, -100.0, -110.0]).spread_percent(), 10.0);
        assert_eq!(sample(&[7.0]).spread_percent(), 0.0);
        assert_eq!(sample(&[]).spread_percent(), 0.0);
    }
}
