//! Results in long form: a row for each figure at each place. Knows nothing of the lab.
//!
//! A row says where a figure was measured, which figure it is, and its value in each round. H. Wickham, *Tidy
//! Data* (Journal of Statistical Software 59, 2014), says why this form serves every use: files, tables,
//! comparisons join and pivot the same rows. What was not measured has no row: it is never 0.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod compare;
mod csv;
pub mod markup;
pub mod number;
pub mod plot;
pub mod sample;
pub mod section;
pub mod terminal;

pub use compare::{Comparison, Pair, Verdict, compare};
pub use csv::csv;
use sample::{Figure, Sample, Samples};

/// The form of the files. Files of another one cannot be read.
pub const SCHEMA: u32 = 2;

/// The axis that every place has: which server was measured.
pub const SERVER: &str = "server";

/// The axis of a report's rows: which part of it they are of.
pub const PART: &str = "part";

/// All that one run has measured, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// The form of this file: [`SCHEMA`].
    pub schema: u32,
    /// The name of the experiment.
    pub experiment: String,
    /// What else there is to know of the run: the command, the machine, what failed.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// What was measured.
    pub rows: Vec<Row>,
}

impl Results {
    /// What was measured of a figure: in the first row of it whose place has these coordinates.
    pub fn sample(&self, coordinates: &[(&str, Coordinate)], figure: &str) -> Option<&Sample> {
        let has = |row: &Row, (axis, value): &(&str, Coordinate)| row.at.get(axis) == Some(value);
        let mut rows = self.rows.iter().filter(|row| row.figure == figure);
        rows.find(|row| coordinates.iter().all(|one| has(row, one))).map(|row| &row.rounds)
    }
}

/// A figure at one place, in each round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Where it was measured.
    pub at: Place,
    /// What was measured.
    pub figure: String,
    /// The unit of the values; empty for a pure number.
    pub unit: String,
    /// The value in each round; at least one.
    pub rounds: Sample,
}

/// Where something was measured: a value on each axis, such as the server or the number of clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(BTreeMap<String, Coordinate>);

/// A value on an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Coordinate {
    /// Yes or no.
    Flag(bool),
    /// A number, such as a number of clients.
    Number(f64),
    /// A name, such as a server's.
    Name(String),
}

impl Place {
    /// A place of which only the server is known yet.
    pub fn of(server: &str) -> Self {
        Place::default().with(SERVER, server)
    }

    /// The same with a value on one more axis.
    #[must_use]
    pub fn with(mut self, axis: &str, value: impl Into<Coordinate>) -> Self {
        self.0.insert(axis.to_owned(), value.into());
        self
    }

    /// The value on an axis, if this place has it.
    pub fn get(&self, axis: &str) -> Option<&Coordinate> {
        self.0.get(axis)
    }

    /// All axes and values: first the part of a report and the server, then the others by name.
    pub fn coordinates(&self) -> impl Iterator<Item = (&str, &Coordinate)> {
        let first = [PART, SERVER].into_iter().filter_map(|axis| Some((axis, self.get(axis)?)));
        let others = self.0.iter().filter(|(axis, _)| *axis != PART && *axis != SERVER);
        first.chain(others.map(|(axis, value)| (axis.as_str(), value)))
    }
}

impl Row {
    /// Whether the other row is of the same figure at the same place.
    pub fn is_of_the_same(&self, other: &Row) -> bool {
        self.at == other.at && self.figure == other.figure
    }

    /// The same as a row of a part of a report.
    #[must_use]
    pub fn of_part(mut self, part: &str) -> Self {
        self.at = self.at.with(PART, part);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (axis, value)) in self.coordinates().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let axis = axis.replace('_', " ");
            match value {
                Coordinate::Flag(true) => write!(f, "{comma}{axis}")?,
                Coordinate::Flag(false) => write!(f, "{comma}not {axis}")?,
                // A count of things, or else a number that says which.
                Coordinate::Number(value) => match axis.strip_suffix('s') {
                    Some(one) if *value == 1.0 => write!(f, "{comma}1 {one}")?,
                    Some(_) => write!(f, "{comma}{value} {axis}")?,
                    None => write!(f, "{comma}{axis} {value}")?,
                },
                Coordinate::Name(name) => write!(f, "{comma}{name}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Coordinate::Flag(flag) => write!(f, "{flag}"),
            Coordinate::Number(number) => write!(f, "{number}"),
            Coordinate::Name(name) => f.write_str(name),
        }
    }
}

impl From<&str> for Coordinate {
    fn from(name: &str) -> Self {
        Coordinate::Name(name.to_owned())
    }
}

impl From<f64> for Coordinate {
    fn from(number: f64) -> Self {
        Coordinate::Number(number)
    }
}

impl From<usize> for Coordinate {
    fn from(number: usize) -> Self {
        Coordinate::Number(number as f64)
    }
}

impl From<bool> for Coordinate {
    fn from(flag: bool) -> Self {
        Coordinate::Flag(flag)
    }
}

/// Adds the figures of a place that were measured.
pub fn add<T>(rows: &mut Vec<Row>, at: &Place, figures: &[Figure<T>], samples: &Samples) {
    for figure in figures {
        push(rows, at, figure.name, figure.unit, samples.get(figure.name).clone());
    }
}

/// Adds a figure that was measured once, if it was.
pub fn add_one(
    rows: &mut Vec<Row>,
    at: &Place,
    figure: &str,
    unit: &str,
    value: impl Into<Option<f64>>,
) {
    push(rows, at, figure, unit, value.into().into_iter().collect());
}

/// Adds a figure, unless no round has measured it.
pub fn push(rows: &mut Vec<Row>, at: &Place, figure: &str, unit: &str, rounds: Sample) {
    if rounds.count() > 0 {
        let (at, figure, unit) = (at.clone(), figure.to_owned(), unit.to_owned());
        rows.push(Row { at, figure, unit, rounds });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let mut rows = Vec::new();
        let place = Place::of("fork").with("clients", 4_usize).with("defended", false);
        push(&mut rows, &place, "messages", "per second", vec![3.0, 1.0].into());
        add_one(&mut rows, &place, "never measured", "s", None);
        rows
    }

    #[test]
    fn a_row_keeps_its_coordinates_in_a_file() {
        let text = serde_json::to_string(&rows()).unwrap();
        assert_eq!(
            text,
            r#"[{"at":{"clients":4.0,"defended":false,"server":"fork"},"figure":"messages","unit":"per second","rounds":[3.0,1.0]}]"#
        );
        assert_eq!(serde_json::from_str::<Vec<Row>>(&text).unwrap(), rows());
    }

    #[test]
    fn a_place_reads_as_words_with_the_server_first() {
        assert_eq!(rows()[0].at.to_string(), "fork, 4 clients, not defended");
        let place = Place::of("fork").with("client", 2_usize).with("clients", 1_usize);
        assert_eq!(place.to_string(), "fork, client 2, 1 client");
    }
}
