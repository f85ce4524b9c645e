//! Results in long form: a row for each figure at each place. Knows nothing of the lab.
//!
//! A row says where a figure was measured, which figure it is, and its value in each round. H. Wickham, *Tidy
//! Data* (Journal of Statistical Software 59, 2014), says why this form serves every use: files, tables, plots
//! and comparisons join and pivot the same rows. What was not measured has no row: it is never 0.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod compare;
mod csv;
pub mod markup;
pub mod number;
mod place;
pub mod plot;
mod sample;
pub mod section;
pub mod slide;
pub mod table;
pub mod terminal;
mod view;

pub use compare::{Comparison, Pair, Verdict, compare};
pub use csv::csv;
pub use place::{Coordinate, PART, Place, SERVER};
pub use sample::{Figure, PER_SECOND, Sample, figure};
pub use view::View;

/// The form of the files. Files of another one cannot be read.
pub const SCHEMA: u32 = 3;

/// All that one run has measured, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// The form of this file: [`SCHEMA`].
    pub schema: u32,
    /// The name of the experiment.
    pub experiment: String,
    /// Who took part, in the order of tables and plots.
    pub servers: Vec<Server>,
    /// What could not be measured.
    pub failures: Vec<Failure>,
    /// What else there is to know of the run: the command, the machine, how it was measured.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// Who took part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its colour in every plot, as SVG spells it. Several servers of a model share one.
    pub colour: String,
}

/// What could not be measured of a server, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The server's name.
    pub server: String,
    /// What was not measured, such as `500 idle connections`.
    pub what: String,
    /// Why.
    pub reason: String,
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

impl Results {
    /// Nothing measured yet of these servers.
    pub fn new(experiment: &str, servers: Vec<Server>) -> Self {
        let experiment = experiment.to_owned();
        Results { schema: SCHEMA, experiment, servers, ..Results::default() }
    }

    /// Adds what one more round has measured at a place.
    pub fn add<T>(&mut self, at: &Place, figures: &[Figure<T>], measured: &T) {
        for figure in figures {
            if let Some(value) = (figure.of)(measured) {
                self.add_round(at, figure.name, figure.unit, value);
            }
        }
    }

    /// Adds the value of one more round to a figure.
    pub fn add_round(&mut self, at: &Place, figure: &str, unit: &str, value: f64) {
        match self.rows.iter_mut().find(|row| row.figure == figure && row.at == *at) {
            Some(row) => row.rounds.push(value),
            None => self.add_once(at, figure, unit, value),
        }
    }

    /// Adds a figure that is measured once at this place, if it was. A quotient of nothing is no measurement.
    pub fn add_once(
        &mut self,
        at: &Place,
        figure: &str,
        unit: &str,
        value: impl Into<Option<f64>>,
    ) {
        let rounds: Sample = value.into().into_iter().collect();
        if rounds.count() > 0 {
            let (at, figure, unit) = (at.clone(), figure.to_owned(), unit.to_owned());
            self.rows.push(Row { at, figure, unit, rounds });
        }
    }

    /// Puts the rows in the order of the servers, then of the other axes, in whatever order they were measured.
    pub fn sort(&mut self) {
        let place = |row: &Row| {
            let is_its = |it: &Server| row.at.get(SERVER) == Some(&it.name.as_str().into());
            self.servers.iter().position(is_its)
        };
        self.rows.sort_by(|one, other| {
            place(one).cmp(&place(other)).then_with(|| one.at.order(&other.at))
        });
    }

    /// Adds something that there is to know of the run.
    pub fn note(&mut self, fact: &str, value: impl Into<Value>) {
        self.facts.insert(fact.to_owned(), value.into());
    }

    /// What was noted under this name, if it is of this kind.
    pub fn noted<T: DeserializeOwned>(&self, fact: &str) -> Option<T> {
        self.facts.get(fact).and_then(|value| T::deserialize(value).ok())
    }

    /// Adds the results of a part of a report, which their rows and facts then name.
    pub fn add_part(&mut self, part: &str, results: Results) {
        let is_new = |it: &Server| !self.servers.contains(it);
        let servers: Vec<Server> = results.servers.into_iter().filter(is_new).collect();
        self.servers.extend(servers);
        let of_part = |it: Failure| Failure { what: format!("{part}, {}", it.what), ..it };
        self.failures.extend(results.failures.into_iter().map(of_part));
        self.note(part, results.facts);
        let of_part = |row: Row| Row { at: row.at.with(PART, part), ..row };
        self.rows.extend(results.rows.into_iter().map(of_part));
    }

    /// All rows, to be narrowed down.
    pub fn view(&self) -> View<'_> {
        View::of(self)
    }

    /// What was measured of a figure: in the first row of it whose place has these coordinates.
    pub fn sample<'a>(
        &'a self,
        coordinates: &[(&str, Coordinate)],
        figure: &str,
    ) -> Option<&'a Sample> {
        let narrow = |view: View<'a>, (axis, value): &(&str, Coordinate)| view.at(axis, value);
        coordinates.iter().fold(self.view(), narrow).sample(figure)
    }
}

impl Row {
    /// Whether the other row is of the same figure at the same place.
    pub fn is_of_the_same(&self, other: &Row) -> bool {
        self.at == other.at && self.figure == other.figure
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: not measured with {}: {}.", self.server, self.what, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        let place = Place::of("fork").with("clients", 4_usize).with("defended", false);
        let figures = [figure("messages", PER_SECOND, |it: &Option<f64>| *it)];
        [Some(3.0), None, Some(1.0)].iter().for_each(|it| results.add(&place, &figures, it));
        results.add_once(&place, "never measured", "s", None);
        results.add_once(&place, "of nothing", "s", f64::NAN);
        results
    }

    #[test]
    fn a_row_keeps_its_coordinates_in_a_file_and_what_was_not_measured_has_none() {
        let rows = results().rows;
        let text = serde_json::to_string(&rows).unwrap();
        assert_eq!(
            text,
            r#"[{"at":{"clients":4.0,"defended":false,"server":"fork"},"figure":"messages","unit":"per second","rounds":[3.0,1.0]}]"#
        );
        assert_eq!(serde_json::from_str::<Vec<Row>>(&text).unwrap(), rows);
    }

    #[test]
    fn a_sample_is_found_by_some_of_its_coordinates() {
        let results = results();
        let found = results.sample(&[("clients", 4_usize.into())], "messages");
        assert_eq!(found.map(Sample::median), Some(2.0));
        assert_eq!(results.sample(&[("clients", 5_usize.into())], "messages"), None);
    }

    #[test]
    fn rows_are_put_in_the_order_of_the_servers_and_then_of_their_axes() {
        let server = |name: &str| Server { name: name.to_owned(), colour: String::new() };
        let mut results = Results::new("test", ["thread", "event"].map(server).into());
        for (name, clients) in [("event", 16_usize), ("thread", 100), ("event", 2), ("thread", 20)]
        {
            results.add_once(&Place::of(name).with("clients", clients), "rate", "", 1.0);
        }
        results.sort();
        let order: Vec<String> = results.rows.iter().map(|row| row.at.to_string()).collect();
        assert_eq!(
            order,
            ["thread, 20 clients", "thread, 100 clients", "event, 2 clients", "event, 16 clients"]
        );
    }
}
