//! What the work shows of its figures.

use std::time::Duration;

use super::{Curve, Figures, Measured};
use crate::results::number::{short, short_or_nothing, with_spread};
use crate::results::plot::{Axes, INK_COLOUR, Line, Point, picture};
use crate::results::section::{Picture, Section, Table};

const RATE: &str = "Messages per second";

/// The horizontal axis of every plot.
const COMPUTING: &str = "computing, % of the service";

/// A latency's title, and the latency.
type Latency = (&'static str, fn(&Measured) -> Option<f64>);

/// What is shown of the latencies.
const LATENCIES: [Latency; 2] = [
    ("Latency, median, ms", |it| it.p50_milliseconds),
    ("Latency, p99, ms", |it| it.p99_milliseconds),
];

pub(super) fn section(figures: &Figures) -> Section {
    let latencies = || LATENCIES.into_iter();
    let plots = latencies()
        .map(|(title, of)| figures.plot(title, "ms", |it| Point::exact(it.x(), of(it)), None));
    let tables =
        latencies().map(|(title, of)| figures.table(title, |it| short_or_nothing(of(it)), None));
    Section {
        sentences: figures.sentences(),
        pictures: [figures.plot_of_rates()].into_iter().chain(plots).flatten().collect(),
        tables: [figures.table_of_rates()].into_iter().chain(tables).collect(),
        method: figures.method(),
    }
}

impl Figures {
    /// What no server can exceed: the messages a second that the processors can compute, and those that
    /// the clients can ask for.
    fn limit(&self, computing_percent: u32) -> f64 {
        let asked = self.clients as f64 / self.service_seconds;
        let compute = self.service_seconds * f64::from(computing_percent) / 100.0;
        asked.min(self.cores as f64 / compute)
    }

    fn shares(&self) -> impl Iterator<Item = (usize, u32)> {
        let points = self.curves.first().map_or(&[][..], |curve| &curve.points);
        points.iter().map(|point| point.computing_percent).enumerate()
    }

    fn fewest_answers(&self) -> u64 {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        points.map(|point| point.latency.len()).min().unwrap_or_default()
    }

    fn plot_of_rates(&self) -> Option<Picture> {
        let rate = |it: &Measured| Point::of(it.x(), &it.messages_per_second, 1.0);
        self.plot(RATE, "per second", rate, Some(self.limit_line()))
    }

    /// A line a server, and a further one.
    fn plot(
        &self,
        title: &str,
        unit: &str,
        point: impl Fn(&Measured) -> Option<Point>,
        more: Option<Line>,
    ) -> Option<Picture> {
        let curves = self.curves.iter();
        let curves = curves.map(|it| (it.name.as_str(), it.colour, it.points.as_slice()));
        let lines: Vec<Line> = Line::all(curves, point).into_iter().chain(more).collect();
        picture(&Axes { title, x: COMPUTING, y: unit, even: true }, &lines)
    }

    /// Smooth, since it is computed.
    fn limit_line(&self) -> Line {
        let last = self.shares().map(|(_, share)| share).max().unwrap_or_default();
        let point = |share| Point::exact(f64::from(share), Some(self.limit(share)));
        let points = (0..last).step_by(5).chain([last]).filter_map(point).collect();
        Line { name: "limit".to_owned(), colour: INK_COLOUR, number: 1, points }
    }

    fn table_of_rates(&self) -> Table {
        let limits = self.shares().map(|(_, share)| short(self.limit(share)));
        let limits = ("the limit".to_owned(), limits.collect());
        self.table(RATE, |it| with_spread(&it.messages_per_second, 1.0), Some(limits))
    }

    /// A row a server, a column a share, and a further row.
    fn table(
        &self,
        caption: &str,
        cell: impl Fn(&Measured) -> String,
        more: Option<(String, Vec<String>)>,
    ) -> Table {
        let row = |it: &Curve| (it.name.clone(), it.points.iter().map(&cell).collect());
        Table {
            caption: caption.to_owned(),
            corner: "computing",
            columns: self.shares().map(|(_, share)| format!("{share}%")).collect(),
            rows: self.curves.iter().map(row).chain(more).collect(),
            ..Table::default()
        }
    }

    /// Who leads at each share, and who falls far behind.
    fn sentences(&self) -> Vec<String> {
        self.shares().filter_map(|(place, share)| self.sentence(place, share)).collect()
    }

    fn sentence(&self, place: usize, share: u32) -> Option<String> {
        let rate = |curve: &Curve| curve.points[place].messages_per_second.median();
        let mut ranked: Vec<(&str, f64)> =
            self.curves.iter().map(|it| (it.name.as_str(), rate(it))).collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
        let (best, most) = *ranked.first()?;
        let leads = ranked.iter().filter(|(name, rate)| *name != best && *rate > 0.95 * most);
        let leads: Vec<&str> = leads.map(|(name, _)| *name).collect();
        let beside = match leads.as_slice() {
            [] => String::new(),
            leads => format!(" (within 5 %: {})", leads.join(", ")),
        };
        let behind = ranked.iter().filter(|(_, rate)| *rate < 0.6 * most);
        let behind: Vec<String> =
            behind.map(|(name, rate)| format!("{name} {}", short(*rate))).collect();
        let behind = match behind.as_slice() {
            [] => String::new(),
            behind => format!("; far behind: {}", behind.join(", ")),
        };
        Some(format!(
            "{share} % computing: {best} leads with {} messages a second{beside}, {} {}{behind}.",
            short(most),
            if most > 0.97 * self.limit(share) {
                "which is at the limit of"
            } else {
                "below the limit of"
            },
            short(self.limit(share)),
        ))
    }

    fn method(&self) -> String {
        let rounds = self.curves.first().and_then(|it| it.points.first());
        let rounds = rounds.map_or(0, |point| point.messages_per_second.count());
        let service = humantime::format_duration(Duration::from_secs_f64(self.service_seconds));
        let few = self.fewest_answers();
        let rounds = match rounds {
            1 => format!("Measured once, {few} answers a point or more"),
            rounds => format!(
                "Rates are medians of {rounds} interleaved rounds ± half their range, latencies those of \
                 all rounds' answers together, {few} or more a point"
            ),
        };
        format!(
            "{} clients, each of which comes anew with each message and waits for the answer. A message \
             takes the server {service}: it waits, and then computes. The limit is what {} processors \
             can compute and {0} clients can ask for; the load uses a part of the processors too. \
             {rounds}.",
            self.clients, self.cores,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_the_clients_and_then_that_of_the_processors() {
        let figures = Figures { cores: 2, clients: 32, service_seconds: 0.01, curves: Vec::new() };
        let limits = [0, 1, 50, 100].map(|share| figures.limit(share));
        assert_eq!(limits.map(f64::round), [3200.0, 3200.0, 400.0, 200.0]);
    }
}
