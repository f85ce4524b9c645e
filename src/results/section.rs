//! What an experiment shows, before anybody knows where: in a terminal, on a page, in the book.

use client::load::BUSY;

use crate::results::number::{counted, with_spread};
use crate::results::sample::{Figure, Samples};

/// What an experiment shows of its figures.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// What it says, computed from its figures.
    pub sentences: Vec<String>,
    /// Its pictures.
    pub pictures: Vec<Picture>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// How it was measured.
    pub method: String,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it shows, where it does not say so itself.
    pub caption: String,
    /// The picture, in the colours of the page that it stands in.
    pub svg: String,
    /// The same in the characters of a terminal, where these can show it.
    pub text: Option<String>,
}

/// A table with its caption.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows; empty where the section's title says that.
    pub caption: String,
    /// What stands above the labels of the rows.
    pub corner: &'static str,
    /// The headings of the other columns, in several lines where they are long.
    pub columns: Vec<String>,
    /// A label and its cells. A label without cells is the heading of the rows below it.
    pub rows: Vec<(String, Vec<String>)>,
    /// What the headings mean, where they are too short to say it.
    pub legend: String,
}

/// What marks a rate that the load may have held down.
const MARK: &str = "*";

/// The figure that decides on the mark: what the load itself used of one CPU, in percent.
pub const CLIENT_CPU: &str = "client CPU";

/// The unit of a rate.
pub const PER_SECOND: &str = "per second";

/// The cell of a figure. A rate is marked where the load, and not the server, may have been the bottleneck:
/// the rule of `client load`.
pub fn cell<T>(samples: &Samples, figure: &Figure<T>) -> String {
    if figure.is_count {
        return counted(samples.get(figure.name));
    }
    let text = with_spread(samples.get(figure.name), figure.scale);
    let is_rate = figure.unit == PER_SECOND;
    if is_rate && is_held_down(samples) { format!("{MARK}{text}") } else { text }
}

/// Whether the load used so much of its CPU that it may have been the bottleneck.
pub fn is_held_down(samples: &Samples) -> bool {
    samples.median(CLIENT_CPU).is_some_and(|percent| percent >= BUSY * 100.0)
}

/// What the mark means, where a table has it.
pub fn explain_mark(tables: &[Table]) -> Option<String> {
    let mut cells = tables.iter().flat_map(|table| &table.rows).flat_map(|(_, cells)| cells);
    cells.any(|cell| cell.starts_with(MARK)).then(|| {
        format!(
            "{MARK} The load used {:.0} % or more of its one CPU there: it may be the bottleneck, \
             and the server could do more.",
            BUSY * 100.0
        )
    })
}
