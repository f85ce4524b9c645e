//! A figure over all rounds of an experiment: medians and spreads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A figure that is taken from each measurement `T`, typed once for tables, plots and files.
pub struct Figure<T> {
    /// Its name in a file.
    pub name: &'static str,
    /// Its unit in a file; empty for a pure number.
    pub unit: &'static str,
    /// What stands before it in a table, or above it, with the unit of the table.
    pub label: &'static str,
    /// How many of the file's units are one of the table's.
    pub scale: f64,
    /// Takes it from a measurement, where that has it.
    pub of: fn(&T) -> Option<f64>,
    /// Whether it counts things, and is shown as it is and not as a median.
    pub is_count: bool,
}

/// A figure: its name, its unit, its label, its scale and what it is, as [`Figure`] describes them.
pub const fn figure<T>(
    name: &'static str,
    unit: &'static str,
    label: &'static str,
    scale: f64,
    of: fn(&T) -> Option<f64>,
) -> Figure<T> {
    Figure { name, unit, label, scale, of, is_count: false }
}

/// A figure that counts things.
pub const fn count<T>(
    name: &'static str,
    label: &'static str,
    of: fn(&T) -> Option<f64>,
) -> Figure<T> {
    Figure { name, unit: "", label, scale: 1.0, of, is_count: true }
}

/// The samples of several figures, by their names.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Sample>);

impl Samples {
    /// Takes these figures from one more measurement.
    pub fn add<T>(&mut self, figures: &[Figure<T>], measured: &T) {
        for figure in figures {
            let sample = self.0.entry(figure.name).or_default();
            (figure.of)(measured).into_iter().for_each(|value| sample.push(value));
        }
    }

    /// Adds what one more round measured of one figure.
    pub fn push(&mut self, name: &'static str, value: f64) {
        self.0.entry(name).or_default().push(value);
    }

    /// What was measured of a figure: an empty sample where nothing was.
    pub fn get(&self, name: &str) -> &Sample {
        const NOTHING: &Sample = &Sample(Vec::new());
        self.0.get(name).unwrap_or(NOTHING)
    }

    /// The median of a figure, where it was measured.
    pub fn median(&self, name: &str) -> Option<f64> {
        let sample = self.get(name);
        sample.range().map(|_| sample.median())
    }
}

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
    fn the_spread_is_half_the_range_in_percent_of_the_median() {
        assert_eq!(sample(&[90.0, 100.0, 110.0]).spread_percent(), 10.0);
        assert_eq!(sample(&[-90.0, -100.0, -110.0]).spread_percent(), 10.0);
        assert_eq!(sample(&[7.0]).spread_percent(), 0.0);
        assert_eq!(sample(&[]).spread_percent(), 0.0);
    }

    #[test]
    fn a_figure_that_a_round_does_not_have_is_left_out_of_its_sample() {
        let figures = [figure("it", "", "", 1.0, |it: &Option<f64>| *it)];
        let mut samples = Samples::default();
        [Some(1.0), None, Some(3.0)].iter().for_each(|measured| samples.add(&figures, measured));
        assert_eq!(samples.median("it"), Some(2.0));
        assert_eq!(samples.median("another"), None);
    }
}
