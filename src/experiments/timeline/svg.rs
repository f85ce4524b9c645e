//! The picture as SVG. Its text and axes take the colours of the page that it stands in.

use std::fmt::Write;

use super::{Client, Panel};
use crate::pages::plot::{FAINT, INK, hex};

const WIDTH: f64 = 800.0;
/// Where the bars begin and end.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 784.0;
const ROW: f64 = 12.0;
const BAR: f64 = 8.0;
const HEADING: f64 = 26.0;
const FOOT: f64 = 68.0;

/// Draws the panels, one below the other, on one scale of time.
pub(super) fn draw(panels: &[Panel], sentences: &[String]) -> String {
    let end = panels.iter().map(Panel::end_seconds).fold(0.0, f64::max);
    let scale = Scale { end };
    let rows: usize = panels.iter().map(|panel| panel.clients.len()).sum();
    let height = HEADING * panels.len() as f64 + ROW * rows as f64 + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
         <title>Who waits for whom, model by model</title>\n<desc>{}</desc>\n",
        sentences.join(" ")
    );
    let mut top = 0.0;
    let foot = height - FOOT + 6.0;
    svg += &grid(&scale, foot);
    for panel in panels {
        svg += &heading(panel, top + HEADING - 9.0);
        top += HEADING;
        for client in &panel.clients {
            svg += &bars(panel, client, &scale, top);
            top += ROW;
        }
    }
    svg += &legend(foot + 52.0);
    svg + "</svg>\n"
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

fn grid(scale: &Scale, foot: f64) -> String {
    let mut svg = String::new();
    let step = scale.step();
    let mut count = 0;
    while f64::from(count) * step <= scale.end {
        let seconds = f64::from(count) * step;
        let x = scale.x(seconds);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {HEADING}V{foot:.1}\" stroke=\"{FAINT}\" stroke-width=\"0.5\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            foot + 14.0,
            (seconds * 1000.0).round() / 1000.0
        );
        count += 1;
    }
    let (x, y) = (f64::midpoint(LEFT, RIGHT), foot + 28.0);
    svg + &format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">seconds since all \
         clients came</text>\n"
    )
}

fn heading(panel: &Panel, y: f64) -> String {
    let workers = panel.workers.map_or(String::new(), |count| format!(", {count} workers"));
    format!(
        "<text x=\"{LEFT}\" y=\"{y:.1}\"><tspan font-weight=\"bold\">{}</tspan>{workers}: all done \
         after {:.2} s</text>\n",
        panel.model,
        panel.end_seconds()
    )
}

/// One client: a thin line while it waits, a bar while it is served.
fn bars(panel: &Panel, client: &Client, scale: &Scale, top: f64) -> String {
    let (middle, colour) = (top + ROW / 2.0, hex(panel.colour));
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {middle:.1}H{:.1}\" stroke=\"{colour}\" stroke-width=\"1.5\" \
         stroke-dasharray=\"2 3\"/>",
        scale.x(client.connected_seconds),
        scale.x(client.left_seconds)
    );
    for message in &client.messages {
        let from = scale.x(message.served_from(panel.delay));
        let width = (scale.x(message.answered_seconds) - from - 1.0).max(1.0);
        let y = middle - BAR / 2.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" \
             fill=\"{colour}\"/>"
        );
    }
    svg
}

fn legend(y: f64) -> String {
    let middle = y - 4.0;
    format!(
        "<path d=\"M{LEFT} {middle}h30\" stroke=\"{INK}\" stroke-width=\"1.5\" \
         stroke-dasharray=\"2 3\"/><text x=\"{}\" y=\"{y}\">waits for its turn</text>\
         <rect x=\"{}\" y=\"{}\" width=\"30\" height=\"{BAR}\" rx=\"2\" fill=\"{INK}\"/>\
         <text x=\"{}\" y=\"{y}\">is served: a bar a message</text>\n",
        LEFT + 38.0,
        LEFT + 190.0,
        middle - BAR / 2.0,
        LEFT + 228.0,
    )
}
