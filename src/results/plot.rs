//! Lines over logarithmic axes, as SVG. Text and axes take the colours of the page that the picture
//! stands in; each model keeps its own colour in every plot.

use std::fmt::Write;

use self::area::Area;
use super::Sample;
use super::markup::escaped;
use super::section::Picture;

mod area;
mod labels;

/// The colours of the text, the lines and the ground are the page's own: these variables of its
/// style sheet.
pub const INK: &str = "var(--ink, #222)";

/// Lines that shall not stand out.
pub const FAINT: &str = "var(--faint, #bbb)";

const SIZE: (u32, u32) = (640, 400);

/// The size of all text.
const TEXT: u32 = 15;

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
    /// Its name, which stands at its end.
    pub name: String,
    /// Its colour, as SVG spells it.
    pub colour: String,
    /// How many lines of the same colour come before it: each is dashed in another way.
    pub number: usize,
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
    /// A line that is no server's: it has the colour of the text, and is dashed.
    pub fn beside(name: &str, points: Vec<Point>) -> Self {
        Line { name: name.to_owned(), colour: INK.to_owned(), number: 1, points }
    }
}

impl Point {
    /// A value without a range; nothing where there is none.
    pub fn exact(x: f64, y: Option<f64>) -> Option<Self> {
        y.map(|y| Point { x, y, range: (y, y) })
    }

    /// The median of a sample and its range, where `scale` of its unit are one of the plot's; nothing where
    /// nothing was measured.
    pub fn of(x: f64, sample: Option<&Sample>, scale: f64) -> Option<Self> {
        let (low, high) = sample?.range()?;
        Some(Point { x, y: sample?.median() / scale, range: (low / scale, high / scale) })
    }
}

/// Draws the lines as a picture under their title; none where there are not two values of the
/// horizontal axis to draw between. What is not above
/// zero has no place on a logarithmic axis and is left out.
pub fn picture(axes: &Axes<'_>, lines: &[Line]) -> Option<Picture> {
    // Its title stands in the picture.
    let caption = String::new();
    draw(axes, lines).map(|svg| Picture { caption, svg, ..Picture::default() })
}

fn draw(axes: &Axes<'_>, lines: &[Line]) -> Option<String> {
    let lines: Vec<Line> = lines.iter().map(above_zero).collect();
    let area = Area::around(axes, &lines)?;
    let (title, (width, height)) = (escaped(axes.title), SIZE);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"{TEXT}\" fill=\"{INK}\"><title>{title}</title>\n"
    );
    svg += &format!("<text x=\"16\" y=\"21\" font-weight=\"600\">{title}</text>\n");
    svg += &area.grid(axes);
    svg += &labels::labels(&lines, &area);
    lines.iter().for_each(|line| draw_line(&mut svg, &area, line));
    Some(svg + "</svg>\n")
}

fn above_zero(line: &Line) -> Line {
    let points = line.points.iter().copied().filter(|point| point.y > 0.0);
    let points = points.map(|point| {
        let (low, high) = point.range;
        Point { range: (if low > 0.0 { low } else { point.y }, high), ..point }
    });
    Line { points: points.collect(), ..line.clone() }
}

/// A line through its points, and the range of each.
fn draw_line(svg: &mut String, area: &Area, line: &Line) {
    let colour = &line.colour;
    let place = |point: &Point| format!("{:.1} {:.1}", area.x.at(point.x), area.y.at(point.y));
    let places: Vec<String> = line.points.iter().map(place).collect();
    let (path, dashes) = (places.join("L"), dashes(line.number));
    let _ = writeln!(
        svg,
        "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
    );
    // What was computed was not measured at some points only.
    let measured = if line.colour == INK { &[][..] } else { &line.points };
    for point in measured {
        let (x, y) = (area.x.at(point.x), area.y.at(point.y));
        let (low, high) = (area.y.at(point.range.0), area.y.at(point.range.1));
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\
             <path d=\"M{x:.1} {low:.1}V{high:.1}\" stroke=\"{colour}\"/>"
        );
    }
}

/// How the first, the second, the third line of a colour is drawn.
fn dashes(number: usize) -> &'static str {
    match number % 3 {
        0 => "",
        1 => " stroke-dasharray=\"6 5\"",
        _ => " stroke-dasharray=\"2 4\"",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const AXES: Axes<'_> = Axes { title: "a test", x: "clients", y: "per second", even: false };

    fn line(points: &[(f64, f64)]) -> Line {
        let points =
            points.iter().map(|(x, y)| Point { x: *x, y: *y, range: (*y * 0.9, *y * 1.1) });
        Line {
            name: "fork".to_owned(),
            colour: "#d55e00".to_owned(),
            number: 0,
            points: points.collect(),
        }
    }

    #[test]
    fn a_plot_has_a_title_names_and_the_page_s_colours() {
        let svg = draw(&AXES, &[line(&[(1.0, 10.0), (1000.0, 20.0)])]).unwrap();
        for part in ["<title>a test</title>", ">fork</text>", INK, FAINT, "viewBox", "clients"] {
            assert!(svg.contains(part), "{part:?} is missing in {svg}");
        }
        // A blank line would end the picture where it stands in a page of Markdown.
        assert!(!svg.contains("\n\n"), "{svg}");
    }

    #[test]
    fn three_lines_of_a_colour_look_different_and_names_cannot_break_the_picture() {
        let drawn = |number: usize, name: &str| {
            let name = name.to_owned();
            Line { name, number, ..line(&[(1.0, 2.0), (2.0, 2.0)]) }
        };
        let lines: Vec<Line> = (0..)
            .zip(["<one>", "two", "three"])
            .map(|(number, name)| drawn(number, name))
            .collect();
        let drawn: BTreeSet<&str> = lines.iter().map(|line| dashes(line.number)).collect();
        assert_eq!(drawn.len(), 3);
        let svg = draw(&AXES, &lines).unwrap();
        assert!(svg.contains("&lt;one&gt;") && !svg.contains("<one>"), "{svg}");
    }

    #[test]
    fn each_value_that_was_measured_is_at_the_axis() {
        let few = [25.0, 300.0, 1000.0].map(|x| (x, 10.0));
        let svg = draw(&AXES, &[line(&few), line(&few)]).unwrap();
        assert!(svg.contains(">25</text>") && svg.contains(">300</text>"), "{svg}");
        let many: Vec<_> = (1..=9).map(|x| (f64::from(x), 10.0)).collect();
        let svg = draw(&AXES, &[line(&many)]).unwrap();
        assert!(!svg.contains(">4</text>"), "{svg}");
    }

    #[test]
    fn an_even_axis_has_a_place_for_nothing() {
        let even = Axes { even: true, ..AXES };
        let line = line(&[(0.0, 10.0), (50.0, 20.0), (100.0, 20.0)]);
        let svg = draw(&even, &[line]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    }

    #[test]
    fn what_has_no_place_on_the_axes_is_left_out() {
        assert!(draw(&AXES, &[line(&[(1.0, 0.0), (10.0, 5.0), (20.0, 5.0)])]).is_some());
        assert_eq!(draw(&AXES, &[line(&[(1.0, 0.0), (10.0, 5.0)])]), None, "one point is no line");
        assert_eq!(draw(&AXES, &[]), None);
    }
}
