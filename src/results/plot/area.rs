//! The area of a plot: its two scales, and the grid with the labels around it.

use std::fmt::Write;
use std::ops::Range;

use super::{Axes, FAINT, INK, Line, SIZE, TEXT, labels};
use crate::results::markup::escaped;
use crate::results::number::short;

/// The room around the area, for its labels.
const LEFT: f64 = 82.0;
const ABOVE: f64 = 36.0;
const BELOW: f64 = 58.0;

/// This many values of the horizontal axis at most are all written at it.
const MOST_VALUES: usize = 8;

/// Where values lie, in the units of the picture.
pub(super) struct Scale {
    values: Range<f64>,
    /// The places of the first and the last value.
    places: (f64, f64),
    /// Whether it is even, and not logarithmic.
    even: bool,
    ticks: Vec<f64>,
}

/// The area that the lines are drawn in.
pub(super) struct Area {
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Scale {
    /// The places of the first and the last value.
    pub(super) fn places(&self) -> (f64, f64) {
        self.places
    }

    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let along = |value: f64| if self.even { value } else { value.log10() };
        let [start, end] = [self.values.start, self.values.end].map(along);
        let share = (along(value) - start) / (end - start);
        self.places.0 + share * (self.places.1 - self.places.0)
    }
}

impl Area {
    /// One that has a place for each point of the lines; none where there are not two
    /// values of the horizontal axis.
    pub(super) fn around(axes: &Axes<'_>, lines: &[Line]) -> Option<Self> {
        let points = || lines.iter().flat_map(|line| &line.points);
        // A line needs two points.
        let first = points().next()?.x;
        points().find(|point| point.x != first)?;
        let x = x_range(axes, points().map(|point| point.x))?;
        let y = span(points().map(|point| point.range), 1.3)?;
        let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let x_ticks = measured_at(lines).unwrap_or_else(|| match axes.even {
            true => even_ticks(x.end),
            false => ticks(&x),
        });
        let y_ticks = ticks(&y);
        Some(Area {
            x: Scale {
                values: x,
                places: (LEFT, width - labels::width(lines)),
                even: axes.even,
                ticks: x_ticks,
            },
            y: Scale { values: y, places: (height - BELOW, ABOVE), even: false, ticks: y_ticks },
        })
    }

    /// The grid, its labels, and what the axes mean.
    pub(super) fn grid(&self, axes: &Axes<'_>) -> String {
        let ((left, right), (bottom, top)) = (self.x.places, self.y.places);
        let mut svg = String::new();
        for value in &self.x.ticks {
            let (x, below, text) = (self.x.at(*value), bottom + 18.0, label(*value));
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"{FAINT}\"/>\
                 <text x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{text}</text>"
            );
        }
        for value in &self.y.ticks {
            let (y, beside, text) = (self.y.at(*value), left - 8.0, label(*value));
            let base = y + f64::from(TEXT) / 3.0;
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {y:.1}H{right}\" stroke=\"{FAINT}\"/>\
                 <text x=\"{beside}\" y=\"{base:.1}\" text-anchor=\"end\">{text}</text>"
            );
        }
        let (across, down) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        let (x_title, y_title, foot) = (escaped(axes.x), escaped(axes.y), bottom + 42.0);
        svg + &format!(
            "<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"{INK}\"/>\n\
             <text x=\"{across}\" y=\"{foot}\" text-anchor=\"middle\">{x_title}</text>\n\
             <text transform=\"translate(22 {down}) rotate(-90)\" text-anchor=\"middle\">{y_title}</text>\n"
        )
    }
}

/// The values of the horizontal axis at which something was measured, where these are few.
fn measured_at(lines: &[Line]) -> Option<Vec<f64>> {
    let mut values: Vec<f64> =
        lines.iter().flat_map(|line| &line.points).map(|point| point.x).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    (values.len() <= MOST_VALUES).then_some(values)
}

/// Where the horizontal axis begins and ends: an even one a little before 0.
fn x_range(axes: &Axes<'_>, values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let values = values.map(|value| (value, value));
    match axes.even {
        true => span(values, 1.03).map(|x| -0.03 * x.end..x.end),
        false => span(values, 1.15),
    }
}

/// From the smallest to the largest value, and a little further to either side.
fn span(values: impl Iterator<Item = (f64, f64)>, margin: f64) -> Option<Range<f64>> {
    let all = values.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
    Some(all.0 / margin..all.1 * margin)
}

/// Some six places from 0 to the end, at even numbers.
fn even_ticks(end: f64) -> Vec<f64> {
    let decade = 10_f64.powf((end / 6.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let step = steps.into_iter().find(|step| step * 6.0 >= end).unwrap_or(end);
    (0..).map(|number| f64::from(number) * step).take_while(|value| *value <= end).collect()
}

/// Where the lines of the grid are: 1, 2, 5, 10, ... where these are enough and not too many.
fn ticks(range: &Range<f64>) -> Vec<f64> {
    const STEPS: [&[f64]; 4] = [&[1.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], &FINE];
    const FINE: [f64; 18] =
        [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let decades = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
    let of = |steps: &[f64]| {
        let all = decades
            .clone()
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        all.filter(|value| range.contains(value)).collect::<Vec<_>>()
    };
    let few = STEPS.iter().map(|steps| of(steps)).find(|ticks| ticks.len() >= 4);
    few.unwrap_or_else(|| of(&FINE))
}

/// A number without the zeros that say nothing: `20k`, `1.5`.
fn label(value: f64) -> String {
    let text = short(value);
    let digits = text.trim_end_matches(['k', 'M']);
    let unit = &text[digits.len()..];
    match digits.contains('.') {
        true => format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.')),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        let labels = [0.1, 1.0, 5.0, 20.0, 1000.0, 50_000.0, 1500.0].map(label);
        assert_eq!(labels, ["0.1", "1", "5", "20", "1k", "50k", "1.5k"]);
    }

    #[test]
    fn ticks_lie_where_the_data_lie() {
        assert_eq!(ticks(&(0.9..1200.0)), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(ticks(&(8.0..220.0)), [10.0, 20.0, 50.0, 100.0, 200.0]);
        let narrow = ticks(&(20.0..65.0));
        assert!(
            narrow.len() >= 4 && narrow.iter().all(|it| (20.0..65.0).contains(it)),
            "{narrow:?}"
        );
        assert_eq!(even_ticks(100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn a_decade_is_as_long_as_the_next_and_an_even_scale_is_even() {
        let logarithmic =
            Scale { values: 1.0..100.0, places: (0.0, 200.0), even: false, ticks: vec![] };
        assert_eq!([1.0, 10.0, 100.0].map(|value| logarithmic.at(value)), [0.0, 100.0, 200.0]);
        let even = Scale { values: 0.0..100.0, even: true, ..logarithmic };
        assert_eq!([0.0, 25.0, 100.0].map(|value| even.at(value)), [0.0, 50.0, 200.0]);
    }
}
