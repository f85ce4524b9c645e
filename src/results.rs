//! The figures of a comparison over all its rounds: medians and spreads.

use std::collections::BTreeMap;

use serde::Serialize;

/// One figure as each round measured it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(into = "Summary")]
pub struct Sample(Vec<f64>);

/// A sample as it is written to a file.
#[derive(Debug, Serialize)]
struct Summary {
    median: f64,
    /// Half the distance from the smallest to the largest round, in percent of the median.
    spread_percent: f64,
    rounds: Vec<f64>,
}

impl Sample {
    /// Adds what one more round measured.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
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

    /// Half the distance from the smallest to the largest round, in percent of the median.
    pub fn spread_percent(&self) -> f64 {
        let smallest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self.median() {
            0.0 => 0.0,
            median => 50.0 * (largest - smallest) / median,
        }
    }
}

impl From<Sample> for Summary {
    fn from(sample: Sample) -> Self {
        Summary {
            median: sample.median(),
            spread_percent: sample.spread_percent(),
            rounds: sample.0,
        }
    }
}

/// What is measured. The name in a file carries the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described where the table labels it")]
pub enum Measure {
    ConnectionsPerSecondOneClient,
    ConnectionsPerSecondManyClients,
    ConnectionLatencyMedianMicroseconds,
    ConnectionLatencyP99Microseconds,
    MessagesPerSecond,
    MessageLatencyMedianMicroseconds,
    MessageLatencyP99Microseconds,
    AnsweredConnections,
    ServerCpuPerConnectionMicroseconds,
    ServerCpuPerMessageMicroseconds,
    ClientCpuPerConnectionMicroseconds,
    ClientCpuPerMessageMicroseconds,
    UserMemoryPerIdleConnectionBytes,
    KernelMemoryPerIdleConnectionBytes,
    ServedIdleConnections,
}

/// All figures of one server.
pub type Figures = BTreeMap<Measure, Sample>;

/// All figures of all servers, in the order of the table.
#[derive(Clone, Debug, Default)]
pub struct Results(Vec<(&'static str, Figures)>);

impl Results {
    /// No figures yet, for these servers.
    pub fn new(servers: impl IntoIterator<Item = &'static str>) -> Self {
        Results(servers.into_iter().map(|name| (name, Figures::new())).collect())
    }

    /// Adds what one round measured of the server that stands at `index`.
    pub fn push(&mut self, index: usize, measure: Measure, value: f64) {
        self.0[index].1.entry(measure).or_default().push(value);
    }

    /// The servers' names, in order.
    pub fn servers(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// What was measured of each server, in order; `None` where this was not.
    pub fn row(&self, measure: Measure) -> impl Iterator<Item = Option<&Sample>> {
        self.0.iter().map(move |(_, figures)| figures.get(&measure))
    }

    /// The median of each server that has one.
    pub fn medians(&self, measure: Measure) -> Vec<(&'static str, f64)> {
        let all = self.0.iter();
        all.filter_map(|(name, figures)| Some((*name, figures.get(&measure)?.median()))).collect()
    }
}

impl Serialize for Results {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, figures)| (name, figures)))
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
        assert_eq!(sample(&[7.0]).spread_percent(), 0.0);
        assert_eq!(sample(&[]).spread_percent(), 0.0);
    }
}
