//! What an experiment shows, before anybody knows where: in a terminal, on a page, in the book.

use super::table::Table;
use crate::recording::Recording;

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
    /// What happened, where a page can play that.
    pub recording: Option<Recording>,
}

/// A picture.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What it shows, where it does not say so itself.
    pub caption: String,
    /// The picture, in the colours of the page that it stands in.
    pub svg: String,
    /// The same to be projected, where it is to be drawn otherwise for that.
    pub slide: Option<String>,
    /// The same in the characters of a terminal, where these can show it.
    pub text: Option<String>,
}
