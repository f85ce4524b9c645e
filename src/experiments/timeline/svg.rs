//! The picture as SVG. Its text and axes take the colours of the page that it stands in.

use std::fmt::Write;

use super::panel::{Message, Panel, clients_at_a_time};
use crate::results::markup::escaped;
use crate::results::plot::{FAINT, INK};

/// A column of panels, and where its bars begin and end.
const WIDTH: f64 = 800.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 784.0;
const ROW: f64 = 12.0;
const BAR: f64 = 8.0;

/// What the picture is for.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// The size of its text.
    text: f64,
    heading: f64,
    columns: usize,
}

/// To be read, all panels one below the other.
pub(super) const PAGE: Format = Format { text: 13.0, heading: 26.0, columns: 1 };

/// To be projected.
pub(super) const SLIDE: Format = Format { text: 23.0, heading: 34.0, columns: 2 };

impl Format {
    fn height(&self, panels: &[Panel]) -> f64 {
        let rows: usize = panels.iter().map(|panel| panel.clients.len()).sum();
        self.heading * panels.len() as f64 + ROW * rows as f64
    }

    /// What stands below the bars: the scale of time, and what they mean.
    fn foot(&self) -> f64 {
        5.3 * self.text
    }
}

/// Draws the panels on one scale of time.
pub(super) fn draw(panels: &[Panel], sentences: &[String], format: Format) -> String {
    let scale = Scale { end: panels.iter().map(|panel| panel.end).fold(0.0, f64::max) };
    let columns: Vec<&[Panel]> =
        panels.chunks(panels.len().div_ceil(format.columns).max(1)).collect();
    let bars = columns.iter().map(|panels| format.height(panels)).fold(0.0, f64::max);
    let (width, height) = (WIDTH * columns.len().max(1) as f64, bars + format.foot());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"{}\" fill=\"{INK}\">\n\
         <title>Who waits for whom, model by model</title>\n<desc>{}</desc>\n",
        format.text,
        escaped(&sentences.join(" "))
    );
    for (number, panels) in columns.iter().enumerate() {
        let column = column(panels, &scale, format, bars + 6.0);
        svg += &format!("<g transform=\"translate({} 0)\">\n{column}</g>\n", WIDTH * number as f64);
    }
    let computes = panels.iter().any(|panel| panel.computing.is_some());
    svg += &legend(bars + 6.0 + 4.0 * format.text, computes, format.text / PAGE.text);
    svg + "</svg>\n"
}

/// Panels one below the other, and the scale of time below them.
fn column(panels: &[Panel], scale: &Scale, format: Format, foot: f64) -> String {
    let (mut svg, mut top) = (grid(scale, format, foot), 0.0);
    for panel in panels {
        svg += &heading(panel, top + format.heading - 9.0, format);
        top += format.heading;
        for client in &panel.clients {
            svg += &bars(panel, client, scale, top);
            top += ROW;
        }
    }
    svg
}

struct Scale {
    end: f64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.end).clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Between the lines of the grid: about ten of them.
    fn step(&self) -> f64 {
        let rough = self.end / 10.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * decade >= rough);
        step.unwrap_or(10.0) * decade
    }
}

fn grid(scale: &Scale, format: Format, foot: f64) -> String {
    let (mut svg, first, text) = (String::new(), format.heading, format.text);
    let step = scale.step();
    let mut count = 0;
    while f64::from(count) * step <= scale.end {
        let seconds = f64::from(count) * step;
        let x = scale.x(seconds);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {first}V{foot:.1}\" stroke=\"{FAINT}\" stroke-width=\"0.5\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            foot + 1.1 * text,
            (seconds * 1000.0).round() / 1000.0
        );
        count += 1;
    }
    let (x, y) = (f64::midpoint(LEFT, RIGHT), foot + 2.2 * text);
    svg + &format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">seconds since all \
         clients came</text>\n"
    )
}

fn heading(panel: &Panel, y: f64, format: Format) -> String {
    let workers = panel.workers.map_or(String::new(), |count| format!(", {count} workers"));
    // There is no room for it in two columns.
    let processors = panel.processors().filter(|_| format.columns == 1);
    let computing = processors.map_or(String::new(), |count| {
        format!(", and computed for {} at a time", clients_at_a_time(count))
    });
    format!(
        "<text x=\"{LEFT}\" y=\"{y:.1}\"><tspan font-weight=\"bold\">{}</tspan>{workers}: all done \
         after {:.2} s{computing}</text>\n",
        escaped(&panel.model),
        panel.end
    )
}

/// One client: a thin line while it waits, a pale bar while the server waits for it, and a full one while
/// the server computes, as high as its share of a processor.
fn bars(panel: &Panel, client: &[Message], scale: &Scale, top: f64) -> String {
    let (middle, colour) = (top + ROW / 2.0, &panel.colour);
    let mut svg = String::new();
    for message in client {
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {middle:.1}H{:.1}\" stroke=\"{colour}\" stroke-width=\"1.5\" \
             stroke-dasharray=\"2 3\"/>",
            scale.x(message.sent),
            scale.x(message.served_from)
        );
        let [from, end] = [message.served_from, message.answered].map(|seconds| scale.x(seconds));
        svg += &waiting(from, end, middle, colour);
        if let Some(each) = panel.computing {
            svg += &computing(from, end, middle, message.share(each), colour);
        }
    }
    svg
}

/// A bar from here to there, and a gap behind it.
fn waiting(from: f64, end: f64, middle: f64, colour: &str) -> String {
    let (width, y) = ((end - from - 1.0).max(1.0), middle - BAR / 2.0);
    format!(
        "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" \
         fill=\"{colour}\" fill-opacity=\"0.45\"/>\n"
    )
}

/// The same for a share of a processor.
fn computing(from: f64, end: f64, middle: f64, share: f64, colour: &str) -> String {
    let (width, height) = ((end - from - 1.0).max(1.0), BAR * share);
    let y = middle + BAR / 2.0 - height;
    format!(
        "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{colour}\"/>\n"
    )
}

/// What the bars mean, so many times as large as on a page.
fn legend(y: f64, computes: bool, size: f64) -> String {
    let (middle, x) = (y - 4.0 * size, |place: f64| LEFT + place * size);
    let computing = match computes {
        true => {
            computing(x(410.0), x(441.0), middle, 0.5, INK)
                + &format!(
                    "<text x=\"{}\" y=\"{y}\">and computed for: as high as its share of a CPU</text>\n",
                    x(448.0)
                )
        }
        false => String::new(),
    };
    format!(
        "<path d=\"M{LEFT} {middle}H{}\" stroke=\"{INK}\" stroke-width=\"1.5\" \
         stroke-dasharray=\"2 3\"/><text x=\"{}\" y=\"{y}\">waits for its turn</text>\n\
         {}<text x=\"{}\" y=\"{y}\">is served: a bar a message</text>\n{computing}",
        x(30.0),
        x(38.0),
        waiting(x(180.0), x(211.0), middle, INK),
        x(218.0),
    )
}
