//! What names the lines of a plot: each at the end of its line.

use std::fmt::Write;

use super::area::Area;
use super::{Line, TEXT, dashes};
use crate::results::markup::escaped;

/// From the area to the names: room for the strokes that lead to them.
const LEAD: f64 = 22.0;

/// How far the middles of two names are apart at least.
const APART: f64 = 17.0;

/// How wide the names are with what leads to them: as wide as their letters may need.
pub(super) fn width(lines: &[Line]) -> f64 {
    let letters = lines.iter().map(|line| name(line).chars().count()).max().unwrap_or_default();
    LEAD + 8.0 * letters as f64
}

/// How many letters of a name there is room for.
const LETTERS: usize = 22;

fn name(line: &Line) -> String {
    match line.name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &line.name[..end]),
        None => line.name.clone(),
    }
}

/// The names, from top to bottom as the lines end, and a stroke from the end of each line to its name.
pub(super) fn labels(lines: &[Line], area: &Area) -> String {
    let mut ends: Vec<(&Line, (f64, f64))> = lines
        .iter()
        .filter_map(|line| Some((line, line.points.last()?)))
        .map(|(line, point)| (line, (area.x.at(point.x), area.y.at(point.y))))
        .collect();
    ends.sort_by(|(_, one), (_, other)| one.1.total_cmp(&other.1));
    let (bottom, top) = area.y.places();
    let wanted: Vec<f64> = ends.iter().map(|(_, (_, y))| *y).collect();
    let mut svg = String::new();
    for ((line, (x, y)), place) in ends.iter().zip(apart(&wanted, top, bottom)) {
        let (edge, right) = (area.x.places().1, area.x.places().1 + LEAD);
        let (colour, name, dashes) = (&line.colour, escaped(&name(line)), dashes(line.number));
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {y:.1}L{edge:.1} {y:.1}L{:.1} {place:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"0.5\"{dashes}/>\
             <text x=\"{right:.1}\" y=\"{:.1}\">{name}</text>",
            right - 3.0,
            place + f64::from(TEXT) / 3.0
        );
    }
    svg
}

/// Places near these, which go down, that are far enough apart and between top and bottom.
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::new();
    for place in wanted {
        let least = places.last().map_or(top, |last| last + APART);
        places.push(place.max(least));
    }
    let mut most = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - APART;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_apart_in_the_order_of_their_lines_and_inside_the_picture() {
        assert_eq!(apart(&[50.0, 52.0, 200.0], 0.0, 300.0), [50.0, 67.0, 200.0]);
        assert_eq!(apart(&[290.0, 295.0], 0.0, 300.0), [283.0, 300.0]);
        assert!(apart(&[], 0.0, 300.0).is_empty());
    }
}
