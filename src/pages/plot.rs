//! Lines over logarithmic axes, as SVG. Text and axes take the colours of the page that the picture
//! stands in; each model keeps its own colour in every plot.

use std::ops::Range;

use anyhow::anyhow;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use self::legend::{heading, legend, legend_rows};
use super::number::short;
use super::section::Picture;
use crate::instruments::sample::Sample;

mod legend;

/// The colours of the text, the lines and the ground are the page's own: these variables of its
/// style sheet.
pub const INK: &str = "var(--ink, #222)";

/// Lines that shall not stand out.
pub const FAINT: &str = "var(--faint, #bbb)";

/// A colour as SVG spells it.
pub fn hex(colour: u32) -> String {
    format!("#{colour:06x}")
}

const SIZE: (u32, u32) = (640, 400);

/// The size of all text.
const TEXT: u32 = 15;

/// The height of a row of the legend, and of the title above it.
const LEGEND_ROW: u32 = 22;

/// So many values of the horizontal axis at most are all written at it.
const MOST_VALUES: usize = 8;

/// The colour of a line that is no model's: that of the text.
pub const INK_COLOUR: u32 = 0x01_02_03;

/// Colours that stand for those of the page, until the picture is written.
const INK_FOR_NOW: RGBColor = RGBColor(1, 2, 3);
const FAINT_FOR_NOW: RGBColor = RGBColor(4, 5, 6);

/// What a plot shows.
#[derive(Clone, Copy, Debug)]
pub struct Axes<'a> {
    /// What the picture is about: it stands above the picture.
    pub title: &'a str,
    /// The horizontal axis, with its unit.
    pub x: &'a str,
    /// The vertical axis, with its unit.
    pub y: &'a str,
    /// Whether the horizontal axis begins at 0 and is even, and not logarithmic.
    pub even: bool,
}

/// One line of a plot.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its colour, as `0xRRGGBB`.
    pub colour: u32,
    /// Whether it is dashed: a further line of the same colour.
    pub dashed: bool,
    /// Its points, from left to right.
    pub points: Vec<Point>,
}

/// A point, and the range that its value had.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Where it is.
    pub x: f64,
    /// Its value.
    pub y: f64,
    /// The smallest and the largest value.
    pub range: (f64, f64),
}

impl Line {
    /// A line of those who took part in an experiment. A further one of a model is dashed.
    pub fn all<'a, T>(
        curves: impl IntoIterator<Item = (&'a str, u32, &'a [T])>,
        point: impl Fn(&T) -> Option<Point>,
    ) -> Vec<Self>
    where
        T: 'a,
    {
        let mut lines: Vec<Line> = Vec::new();
        for (name, colour, points) in curves {
            let dashed = lines.iter().any(|line| line.colour == colour);
            let points: Vec<Point> = points.iter().filter_map(&point).collect();
            // What has no point needs no place in the legend.
            if !points.is_empty() {
                lines.push(Line { name: name.to_owned(), colour, dashed, points });
            }
        }
        lines
    }
}

impl Point {
    /// A value without a range; nothing where there is none.
    pub fn exact(x: f64, y: Option<f64>) -> Option<Self> {
        y.map(|y| Point { x, y, range: (y, y) })
    }

    /// The median of a sample and its range, in a unit; nothing where nothing was measured.
    pub fn of(x: f64, sample: &Sample, unit: f64) -> Option<Self> {
        let (low, high) = sample.range()?;
        Some(Point { x, y: sample.median() / unit, range: (low / unit, high / unit) })
    }
}

/// Draws the lines as a picture under their title; none where there is no point to draw.
///
/// # Errors
///
/// When it cannot be drawn.
pub fn picture(axes: &Axes<'_>, lines: &[Line]) -> anyhow::Result<Option<Picture>> {
    // Its title stands in the picture.
    let caption = String::new();
    Ok(draw(axes, lines)?.map(|svg| Picture { caption, svg, text: None }))
}

/// Draws the lines. What is not above zero has no place on a logarithmic axis and is left out.
fn draw(axes: &Axes<'_>, lines: &[Line]) -> anyhow::Result<Option<String>> {
    let lines: Vec<Line> = lines.iter().map(above_zero).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = span(points().map(|point| (point.x, point.x)), 1.15);
    let y = span(points().map(|point| point.range), 1.3);
    let (Some(x), Some(y)) = (x, y) else {
        return Ok(None);
    };
    let mut svg = String::new();
    let plotted = match axes.even {
        true => plot(&mut svg, axes, &lines, -0.03 * x.end..x.end, y),
        false => {
            let ticks = measured_at(&lines).unwrap_or_else(|| ticks(&x));
            plot(&mut svg, axes, &lines, x.log_scale().with_key_points(ticks), y)
        }
    };
    plotted.map_err(|error| anyhow!("{}: {error}", axes.title))?;
    Ok(Some(dress(&svg, axes.title, &lines)))
}

/// The values of the horizontal axis at which something was measured, where these are few.
fn measured_at(lines: &[Line]) -> Option<Vec<f64>> {
    let mut values: Vec<f64> =
        lines.iter().flat_map(|line| &line.points).map(|point| point.x).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    (values.len() <= MOST_VALUES).then_some(values)
}

fn above_zero(line: &Line) -> Line {
    let points = line.points.iter().copied().filter(|point| point.y > 0.0);
    let points = points.map(|point| {
        let (low, high) = point.range;
        Point { range: (if low > 0.0 { low } else { point.y }, high), ..point }
    });
    Line { points: points.collect(), ..line.clone() }
}

/// From the smallest to the largest value, and a little further to either side.
fn span(values: impl Iterator<Item = (f64, f64)>, margin: f64) -> Option<Range<f64>> {
    let all = values.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
    Some(all.0 / margin..all.1 * margin)
}

fn plot<X>(
    svg: &mut String,
    axes: &Axes<'_>,
    lines: &[Line],
    x: X,
    y: Range<f64>,
) -> Result<(), Box<dyn std::error::Error>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .margin_top(14 + LEGEND_ROW * (1 + legend_rows(lines)))
        .x_label_area_size(46)
        .y_label_area_size(70)
        .build_cartesian_2d(x, y.clone().log_scale().with_key_points(ticks(&y)))?;
    // The backend writes letters a quarter smaller than it is told.
    let text = || ("sans-serif", TEXT * 5 / 4).into_font().color(&INK_FOR_NOW);
    chart
        .configure_mesh()
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_label_formatter(&|value| label(*value))
        .y_label_formatter(&|value| label(*value))
        .label_style(text())
        .axis_desc_style(text())
        .axis_style(INK_FOR_NOW)
        .bold_line_style(FAINT_FOR_NOW.stroke_width(1))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for line in lines {
        let [_, red, green, blue] = line.colour.to_be_bytes();
        let style = RGBColor(red, green, blue).stroke_width(2);
        let points = || line.points.iter().map(|point| (point.x, point.y));
        if line.dashed {
            chart.draw_series(DashedLineSeries::new(points(), 6, 5, style))?;
        } else {
            chart.draw_series(LineSeries::new(points(), style))?;
        }
        chart.draw_series(points().map(|point| Circle::new(point, 3, style.filled())))?;
        chart.draw_series(line.points.iter().map(|point| {
            let (low, high) = point.range;
            PathElement::new(vec![(point.x, low), (point.x, high)], style.stroke_width(1))
        }))?;
    }
    root.present()?;
    Ok(())
}

/// Gives the picture the page's colours, a title, a legend, and the width of its place.
fn dress(svg: &str, title: &str, series: &[Line]) -> String {
    let (width, height) = SIZE;
    let size = format!("width=\"{width}\" height=\"{height}\" ");
    let head = format!("role=\"img\"><title>{title}</title>\n{}{}", heading(title), legend(series));
    let svg = svg
        .replacen(&size, "", 1)
        .replacen('>', &format!(" {head}"), 1)
        .replace("\"#010203\"", &format!("\"{INK}\""))
        .replace("\"#040506\"", &format!("\"{FAINT}\""));
    // A blank line would end the picture where it stands in a page of Markdown.
    let lines: Vec<&str> = svg.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n") + "\n"
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

/// A picture for a file of its own: with the colours that a page would give it, light or dark.
pub fn standalone(svg: &str) -> String {
    let style = "<style>svg { --ink: #222; --faint: #bbb; background: #fff } \
                 @media (prefers-color-scheme: dark) { svg { --ink: #ddd; --faint: #555; \
                 background: #181818 } }</style>\n";
    match svg.find("<title>") {
        Some(place) => [&svg[..place], style, &svg[place..]].concat(),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXES: Axes<'_> = Axes { title: "a test", x: "clients", y: "per second", even: false };

    fn line(points: &[(f64, f64)]) -> Line {
        let points =
            points.iter().map(|(x, y)| Point { x: *x, y: *y, range: (*y * 0.9, *y * 1.1) });
        Line {
            name: "fork".to_owned(),
            colour: 0x00d5_5e00,
            dashed: false,
            points: points.collect(),
        }
    }

    #[test]
    fn a_plot_has_a_title_a_legend_and_the_page_s_colours() {
        let svg = draw(&AXES, &[line(&[(1.0, 10.0), (1000.0, 20.0)])]).unwrap().unwrap();
        for part in ["<title>a test</title>", ">fork</text>", INK, FAINT, "viewBox", "clients"] {
            assert!(svg.contains(part), "{part:?} is missing in {svg}");
        }
        assert!(!svg.contains("\n\n"), "{svg}");
        assert!(!svg.contains("#010203") && !svg.contains("#040506"), "{svg}");
        assert!(standalone(&svg).contains("prefers-color-scheme"));
    }

    #[test]
    fn each_value_that_was_measured_is_at_the_axis() {
        let few = [25.0, 300.0, 1000.0].map(|x| (x, 10.0));
        assert_eq!(measured_at(&[line(&few), line(&few)]), Some(vec![25.0, 300.0, 1000.0]));
        let svg = draw(&AXES, &[line(&few)]).unwrap().unwrap();
        assert!(svg.contains("\n25\n") && svg.contains("\n300\n"), "{svg}");
        let many: Vec<_> = (1..=9).map(|x| (f64::from(x), 10.0)).collect();
        assert_eq!(measured_at(&[line(&many)]), None);
    }

    #[test]
    fn an_even_axis_has_a_place_for_nothing() {
        let even = Axes { even: true, ..AXES };
        let line = line(&[(0.0, 10.0), (50.0, 20.0), (100.0, 20.0)]);
        let svg = draw(&even, &[line]).unwrap().unwrap();
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    }

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
    }

    #[test]
    fn a_long_legend_has_more_rows() {
        assert_eq!(legend_rows(&vec![line(&[]); 3]), 1);
        assert_eq!(legend_rows(&vec![line(&[]); 9]), 2);
    }

    #[test]
    fn what_has_no_place_on_the_axes_is_left_out() {
        assert!(draw(&AXES, &[line(&[(1.0, 0.0), (10.0, 5.0)])]).unwrap().is_some());
        assert_eq!(draw(&AXES, &[line(&[(1.0, 0.0)])]).unwrap(), None);
        assert_eq!(draw(&AXES, &[]).unwrap(), None);
    }
}
