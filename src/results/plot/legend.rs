//! What stands above a plot: its title, and the names of its lines.

use std::fmt::Write;

use super::{LEGEND_ROW, Line, SIZE, dashes};
use crate::results::markup::escaped;

/// The title, to be seen.
pub(super) fn heading(title: &str) -> String {
    format!("<text x=\"16\" y=\"21\" font-weight=\"600\">{title}</text>\n")
}

/// Where each line's name stands: its column, and its row from the top.
fn legend_places(lines: &[Line]) -> Vec<(u32, u32)> {
    const LEFT: u32 = 16;
    let (mut x, mut row) = (LEFT, 0);
    let place = |line: &Line| {
        // As wide as its letters may need.
        let width = 58 + 8 * u32::try_from(line.name.chars().count()).unwrap_or_default();
        if x + width > SIZE.0 {
            (x, row) = (LEFT, row + 1);
        }
        let place = (x, row);
        x += width;
        place
    };
    lines.iter().map(place).collect()
}

pub(super) fn legend_rows(lines: &[Line]) -> u32 {
    legend_places(lines).last().map_or(0, |(_, row)| row + 1)
}

/// The names of the lines, each behind a piece of its line.
pub(super) fn legend(lines: &[Line]) -> String {
    let mut legend = String::new();
    for (line, (x, row)) in lines.iter().zip(legend_places(lines)) {
        let (colour, name, dashes) = (&line.colour, escaped(&line.name), dashes(line.number));
        let y = 16 + (1 + row) * LEGEND_ROW;
        let _ = writeln!(
            legend,
            "<path d=\"M{x} {y}h26\" stroke=\"{colour}\" stroke-width=\"3\"{dashes}/>\
             <text x=\"{}\" y=\"{}\">{name}</text>",
            x + 32,
            y + 5
        );
    }
    legend
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_legend_has_more_rows() {
        let line =
            Line { name: "fork".to_owned(), colour: String::new(), number: 0, points: Vec::new() };
        assert_eq!(legend_rows(&vec![line.clone(); 3]), 1);
        assert_eq!(legend_rows(&vec![line; 9]), 2);
    }
}
