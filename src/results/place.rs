//! Where something was measured.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The axis that every place has: which server was measured.
pub const SERVER: &str = "server";

/// The axis of a report's rows: which part of it they are of.
pub const PART: &str = "part";

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

    /// The same without a value on this axis.
    #[must_use]
    pub fn without(&self, axis: &str) -> Self {
        let mut place = self.clone();
        place.0.remove(axis);
        place
    }

    /// The value on an axis, if this place has it.
    pub fn get(&self, axis: &str) -> Option<&Coordinate> {
        self.0.get(axis)
    }

    /// By their axes, and on the same axis by their values: numbers from few to many, names by the alphabet.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let values = self.0.iter().zip(&other.0);
        let order = values.map(|((axis, value), (other_axis, other_value))| {
            let by_name = || value.to_string().cmp(&other_value.to_string());
            axis.cmp(other_axis).then_with(|| value.order(other_value)).then_with(by_name)
        });
        order.fold(Ordering::Equal, Ordering::then).then_with(|| self.0.len().cmp(&other.0.len()))
    }

    /// All axes and values: first the part of a report and the server, then the others by name.
    pub fn coordinates(&self) -> impl Iterator<Item = (&str, &Coordinate)> {
        let first = [PART, SERVER].into_iter().filter_map(|axis| Some((axis, self.get(axis)?)));
        let others = self.0.iter().filter(|(axis, _)| *axis != PART && *axis != SERVER);
        first.chain(others.map(|(axis, value)| (axis.as_str(), value)))
    }
}

impl Coordinate {
    /// Its number; 0 where it is none.
    pub fn number(&self) -> f64 {
        match self {
            Coordinate::Flag(flag) => f64::from(u8::from(*flag)),
            Coordinate::Number(number) => *number,
            Coordinate::Name(_) => 0.0,
        }
    }

    /// Numbers from few to many; names stay as they came.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.number().total_cmp(&other.number())
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

impl From<&Coordinate> for Coordinate {
    fn from(same: &Coordinate) -> Self {
        same.clone()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_words_with_the_server_first() {
        let place = Place::of("fork").with("clients", 4_usize).with("defended", false);
        assert_eq!(place.to_string(), "fork, 4 clients, not defended");
        let place = Place::of("fork").with("client", 2_usize).with("clients", 1_usize);
        assert_eq!(place.to_string(), "fork, client 2, 1 client");
    }
}
