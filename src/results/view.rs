//! Rows of a result, narrowed down by naming axes: what tables, plots and sentences are made of.

use super::plot::{Line, Point};
use super::{Coordinate, Place, Results, Row, SERVER, Sample};

/// Rows of a result, in its order.
#[derive(Clone, Debug)]
pub struct View<'a> {
    results: &'a Results,
    rows: Vec<&'a Row>,
}

impl<'a> View<'a> {
    /// All of them.
    pub(super) fn of(results: &'a Results) -> Self {
        View { results, rows: results.rows.iter().collect() }
    }

    /// Those of them that have this coordinate.
    #[must_use]
    pub fn at(&self, axis: &str, value: impl Into<Coordinate>) -> Self {
        let value = value.into();
        self.only(|place| place.get(axis) == Some(&value))
    }

    /// Those of them at such places.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(&Place) -> bool) -> Self {
        let rows = self.rows.iter().copied().filter(|row| is_wanted(&row.at));
        View { results: self.results, rows: rows.collect() }
    }

    /// The values that they have on an axis, each once: numbers from few to many, names as they come.
    pub fn values(&self, axis: &str) -> Vec<&'a Coordinate> {
        let mut values: Vec<&Coordinate> = Vec::new();
        for value in self.rows.iter().filter_map(|row| row.at.get(axis)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values.sort_by(|one, other| one.order(other));
        values
    }

    /// Each value on an axis, and the rows that have it.
    pub fn along(&self, axis: &str) -> Vec<(&'a Coordinate, Self)> {
        self.values(axis).into_iter().map(|value| (value, self.at(axis, value))).collect()
    }

    /// Each server that took part, and its rows, which may be none.
    pub fn servers(&self) -> Vec<(&'a str, Self)> {
        let servers = self.results.servers.iter();
        servers.map(|it| (it.name.as_str(), self.at(SERVER, it.name.as_str()))).collect()
    }

    /// Each server at each value on an axis.
    pub fn servers_along(&self, axis: &str) -> Vec<(&'a str, Self)> {
        let servers = self.servers().into_iter();
        let along = |(name, view): (&'a str, Self)| {
            view.along(axis).into_iter().map(move |(_, view)| (name, view))
        };
        servers.flat_map(along).collect()
    }

    /// The value on an axis of the first of them.
    pub fn value(&self, axis: &str) -> Option<&'a Coordinate> {
        self.rows.first().and_then(|row| row.at.get(axis))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first row of a figure.
    pub fn row(&self, figure: &str) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.figure == figure)
    }

    /// What was measured of a figure: in its first row.
    pub fn sample(&self, figure: &str) -> Option<&'a Sample> {
        self.row(figure).map(|row| &row.rounds)
    }

    /// The median of a figure over its rounds.
    pub fn median(&self, figure: &str) -> Option<f64> {
        self.sample(figure).map(Sample::median)
    }

    /// The medians of a figure at all its places.
    pub fn medians(&self, figure: &str) -> Vec<f64> {
        let of_it = self.rows.iter().filter(|row| row.figure == figure);
        of_it.map(|row| row.rounds.median()).collect()
    }

    /// The figures, each once as it comes, with their units.
    pub fn figures(&self) -> Vec<(&'a str, &'a str)> {
        let mut figures: Vec<(&str, &str)> = Vec::new();
        for row in &self.rows {
            if !figures.iter().any(|(name, _)| *name == row.figure) {
                figures.push((&row.figure, &row.unit));
            }
        }
        figures
    }

    /// All places but for their value on an axis, each once as it comes, and its rows.
    pub fn places_without(&self, axis: &str) -> Vec<(Place, Self)> {
        let mut places: Vec<(Place, View<'a>)> = Vec::new();
        for row in &self.rows {
            let place = row.at.without(axis);
            match places.iter_mut().find(|(it, _)| *it == place) {
                Some((_, view)) => view.rows.push(row),
                None => places.push((place, View { results: self.results, rows: vec![row] })),
            }
        }
        places
    }

    /// In how many rounds a figure was measured, at the most.
    pub fn rounds(&self, figure: &str) -> usize {
        let of_it = self.rows.iter().filter(|row| row.figure == figure);
        of_it.map(|row| row.rounds.count()).max().unwrap_or_default()
    }

    /// The servers by their medians of a figure, from the least to the most.
    pub fn ranked(&self, figure: &str) -> Vec<(&'a str, f64)> {
        let medians = self.servers().into_iter();
        let medians = medians.filter_map(|(name, view)| Some((name, view.median(figure)?)));
        let mut ranked: Vec<(&str, f64)> = medians.collect();
        ranked.sort_by(|one, other| one.1.total_cmp(&other.1));
        ranked
    }

    /// The servers with the most of a figure: the first by its median, and all that the rounds do not tell apart from
    /// it.
    pub fn most(&self, figure: &str) -> Vec<(&'a str, f64)> {
        self.first_of(figure, self.ranked(figure).into_iter().rev().collect())
    }

    /// The same of those with the least.
    pub fn least(&self, figure: &str) -> Vec<(&'a str, f64)> {
        self.first_of(figure, self.ranked(figure))
    }

    fn first_of(&self, figure: &str, ranked: Vec<(&'a str, f64)>) -> Vec<(&'a str, f64)> {
        let sample = |name: &str| self.at(SERVER, name).sample(figure).cloned().unwrap_or_default();
        let first = ranked.first().map(|(name, _)| sample(name)).unwrap_or_default();
        ranked.into_iter().filter(|(name, _)| !first.is_told_apart_from(&sample(name))).collect()
    }

    /// A line for each server over an axis, of what `point` makes of each value there. What has no point has no
    /// line.
    pub fn lines(&self, axis: &str, point: impl Fn(f64, &Self) -> Option<Point>) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for (server, (name, view)) in self.results.servers.iter().zip(self.servers()) {
            let points = view.along(axis).into_iter();
            let points: Vec<Point> =
                points.filter_map(|(x, view)| point(x.number(), &view)).collect();
            if !points.is_empty() {
                let number = lines.iter().filter(|line| line.colour == server.colour).count();
                let (name, colour) = (name.to_owned(), server.colour.clone());
                lines.push(Line { name, colour, number, points });
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Server;

    fn results() -> Results {
        let server = |name: &str| Server { name: name.to_owned(), colour: "#123".to_owned() };
        let servers = ["pool", "fork", "absent"].map(server);
        let mut results = Results::new("test", servers.into());
        for (name, clients, rate) in [("fork", 16_usize, 5.0), ("fork", 1, 2.0), ("pool", 1, 3.0)] {
            let place = Place::of(name).with("clients", clients);
            results.add_round(&place, "rate", "per second", rate);
        }
        results
    }

    #[test]
    fn an_axis_goes_from_few_to_many_and_servers_stay_in_their_order() {
        let results = results();
        let view = results.view();
        let values: Vec<f64> = view.values("clients").iter().map(|it| it.number()).collect();
        assert_eq!(values, [1.0, 16.0]);
        let names: Vec<&str> = view.servers().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["pool", "fork", "absent"]);
        assert!(view.at("server", "absent").is_empty());
    }

    #[test]
    fn servers_are_ranked_where_they_were_measured() {
        let results = results();
        assert_eq!(
            results.view().at("clients", 1_usize).ranked("rate"),
            [("fork", 2.0), ("pool", 3.0)]
        );
        assert_eq!(results.view().at("clients", 16_usize).ranked("rate"), [("fork", 5.0)]);
    }

    #[test]
    fn servers_that_the_rounds_do_not_tell_apart_are_first_together() {
        let mut results = Results::new("test", results().servers);
        for (name, rates) in [("pool", [9.0, 5.0]), ("fork", [8.0, 4.0]), ("absent", [1.0, 2.0])] {
            for rate in rates {
                results.add_round(&Place::of(name), "rate", "per second", rate);
            }
        }
        assert_eq!(results.view().most("rate"), [("pool", 7.0), ("fork", 6.0)]);
        assert_eq!(results.view().least("rate"), [("absent", 1.5)]);
    }

    #[test]
    fn several_lines_of_a_colour_are_numbered_and_what_was_not_measured_has_none() {
        let results = results();
        let point = |x, view: &View<'_>| Point::exact(x, view.median("rate"));
        let lines = results.view().lines("clients", point);
        let told: Vec<_> =
            lines.iter().map(|it| (it.name.as_str(), it.number, it.points.len())).collect();
        assert_eq!(told, [("pool", 0, 1), ("fork", 1, 2)]);
    }

    #[test]
    fn a_place_without_an_axis_has_the_rows_of_all_its_values() {
        let results = results();
        let places = results.view().places_without("clients");
        let found: Vec<(String, usize)> =
            places.iter().map(|(place, view)| (place.to_string(), view.rows.len())).collect();
        assert_eq!(found, [("fork".to_owned(), 2), ("pool".to_owned(), 1)]);
    }
}
