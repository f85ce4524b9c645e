//! What shows: an experiment's figures as sections, in a terminal, as a page, and for the book.

pub mod html;
pub mod markup;
pub mod number;
pub mod plot;
pub mod section;
pub mod terminal;
