//! Everything that the lab measures, as one page to show, and as parts for the book.

use crate::machine::Machine;

mod html;
mod sections;

pub use html::{page, table_html};
pub use sections::{comparison, crash, growth, overload, scale, timeline};

/// A part of the report.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name in file names and links.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it says, computed from its figures.
    pub sentences: Vec<String>,
    /// Its pictures.
    pub pictures: Vec<Picture>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// How it was measured.
    pub method: String,
    /// The command that measures it alone.
    pub command: String,
}

/// A picture with its caption.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it shows.
    pub caption: String,
    /// The picture.
    pub svg: String,
}

/// A table with its caption.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// What stands above the labels of the rows.
    pub corner: &'static str,
    /// The headings of the other columns.
    pub columns: Vec<String>,
    /// A label and its cells.
    pub rows: Vec<(String, Vec<String>)>,
}

/// A report to be written.
#[derive(Clone, Debug)]
pub struct Report {
    /// What everything was measured on, and when.
    pub machine: Machine,
    /// The command that made it.
    pub command: String,
    /// How many connections overflowed a backlog meanwhile.
    pub overflows: u64,
    /// Its parts.
    pub sections: Vec<Section>,
}
