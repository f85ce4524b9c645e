//! A story as SVG: a lane for each process and thread, time downwards. Its text takes the colour of
//! the page that it stands in.

use std::fmt::Write;

use super::layout::{Cell, Layout};
use super::story::Story;
use crate::results::markup::escaped;
use crate::results::plot::{FAINT, INK};

/// Where the first lane stands, and how many characters a lane has room for.
const LEFT: f64 = 112.0;
const CHARACTERS: usize = 34;

const TOP: f64 = 34.0;

/// How large it is drawn: its letters, its lanes and its lines.
#[derive(Clone, Copy)]
pub(super) struct Format {
    text: f64,
    lane: f64,
    line: f64,
}

/// To be read.
pub(super) const PAGE: Format = Format { text: 13.0, lane: 300.0, line: 18.0 };

/// To be projected.
pub(super) const SLIDE: Format = Format { text: 16.0, lane: 345.0, line: 22.0 };

/// Draws the story in this colour.
pub(super) fn draw(story: &Story, colour: &str, format: Format) -> String {
    let layout = Layout::new(story, CHARACTERS);
    // Where there is but one lane, there is room for another.
    let width = format.x(layout.lanes.len().max(2));
    let height = format.y(layout.height) + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"ui-monospace, monospace\" font-size=\"{}\" fill=\"{INK}\">\n\
         <title>The life of a connection: {}</title>\n<desc>{}</desc>\n",
        format.text,
        escaped(&story.model),
        escaped(&story.sentence())
    );
    phases(&mut svg, &layout, width, format);
    for lane in 0..layout.lanes.len() {
        draw_lane(&mut svg, &layout, lane, colour, format);
    }
    for cell in &layout.cells {
        draw_cell(&mut svg, &layout, cell, colour, format);
    }
    svg + "</svg>\n"
}

impl Format {
    /// The top of a line.
    fn y(&self, line: usize) -> f64 {
        TOP + self.line * line as f64
    }

    /// Where a lane stands.
    fn x(&self, lane: usize) -> f64 {
        LEFT + self.lane * lane as f64
    }

    /// The middle of a step's first line, where its mark stands.
    fn middle(&self, cell: &Cell<'_>) -> f64 {
        self.y(cell.line) + self.line / 2.0
    }
}

fn phases(svg: &mut String, layout: &Layout<'_>, width: f64, format: Format) {
    for (phase, line) in &layout.phases {
        let top = format.y(*line);
        let _ = writeln!(
            svg,
            "<path d=\"M0 {top}H{width}\" stroke=\"{FAINT}\"/><text x=\"0\" y=\"{}\" \
             font-family=\"system-ui, sans-serif\">{}</text>",
            top + 1.1 * format.text,
            phase.title()
        );
    }
}

/// A lane from its beginning to its end, dashed where it waits.
fn draw_lane(svg: &mut String, layout: &Layout<'_>, lane: usize, colour: &str, format: Format) {
    let (name, x) = (escaped(layout.lanes[lane]), format.x(lane));
    let middle = |cell: &Cell<'_>| format.middle(cell);
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"18\" text-anchor=\"start\" font-weight=\"bold\" \
         font-family=\"system-ui, sans-serif\">{name}</text>"
    );
    let mut from = maker(layout, lane).map_or(TOP - 8.0, middle);
    for cell in layout.cells.iter().filter(|cell| cell.lane == lane) {
        let dashes = if cell.step.waited && cell.step.returned { WAITING } else { "" };
        line_to(svg, x, from, middle(cell), colour, dashes);
        from = middle(cell);
        if !cell.step.returned {
            line_to(svg, x, from, format.y(layout.height), colour, WAITING);
        }
    }
}

const WAITING: &str = " stroke-dasharray=\"2 4\"";

fn line_to(svg: &mut String, x: f64, from: f64, to: f64, colour: &str, dashes: &str) {
    let _ = writeln!(
        svg,
        "<path d=\"M{x} {from}V{to}\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
    );
}

/// The step in which whoever has a lane was made.
fn maker<'a>(layout: &'a Layout<'_>, lane: usize) -> Option<&'a Cell<'a>> {
    layout
        .cells
        .iter()
        .find(|cell| cell.step.made.as_ref().is_some_and(|made| made.name == layout.lanes[lane]))
}

/// A step with its mark, hollow where it had to wait, and an arrow to whom it has made.
fn draw_cell(svg: &mut String, layout: &Layout<'_>, cell: &Cell<'_>, colour: &str, format: Format) {
    let (x, middle) = (format.x(cell.lane), format.middle(cell));
    let fill = if cell.step.waited { "var(--ground, #fff)" } else { colour };
    let _ = writeln!(
        svg,
        "<circle cx=\"{x}\" cy=\"{middle}\" r=\"4\" fill=\"{fill}\" stroke=\"{colour}\" \
         stroke-width=\"2\"/>"
    );
    for (number, text) in cell.lines.iter().enumerate() {
        let base = middle + 0.35 * format.text + format.line * number as f64;
        let left = x + 14.0;
        let _ = writeln!(svg, "<text x=\"{left}\" y=\"{base}\">{}</text>", escaped(text));
    }
    let made = cell.step.made.as_ref().map(|made| made.name.as_str());
    let lanes = layout.lanes.iter().position(|lane| Some(*lane) == made);
    if let Some(other) = lanes.map(|lane| format.x(lane)) {
        let (from, tip) = (x + format.lane - 32.0, other - 2.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{from} {middle}H{tip}m-7 -4l7 4l-7 4\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"2\"/>"
        );
    }
}
