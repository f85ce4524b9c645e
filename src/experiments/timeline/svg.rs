//! The picture as SVG. Its text and axes take the colours of the page that it stands in.

use std::fmt::Write;

use super::panel::{Message, Panel, clients_at_a_time};
use crate::results::markup::escaped;
use crate::results::plot::{FAINT, INK};

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
    let end = panels.iter().map(|panel| panel.end).fold(0.0, f64::max);
    let scale = Scale { end };
    let rows: usize = panels.iter().map(|panel| panel.clients.len()).sum();
    let height = HEADING * panels.len() as f64 + ROW * rows as f64 + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
         <title>Who waits for whom, model by model</title>\n<desc>{}</desc>\n",
        escaped(&sentences.join(" "))
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
    let computes = panels.iter().any(|panel| panel.computing.is_some());
    svg += &legend(foot + 52.0, computes);
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
    let computing = panel.processors().map_or(String::new(), |count| {
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

fn legend(y: f64, computes: bool) -> String {
    let middle = y - 4.0;
    let computing = match computes {
        true => {
            computing(LEFT + 400.0, LEFT + 431.0, middle, 0.5, INK)
                + &format!(
                    "<text x=\"{}\" y=\"{y}\">and computed for: as high as its share of a CPU</text>\n",
                    LEFT + 438.0
                )
        }
        false => String::new(),
    };
    format!(
        "<path d=\"M{LEFT} {middle}h30\" stroke=\"{INK}\" stroke-width=\"1.5\" \
         stroke-dasharray=\"2 3\"/><text x=\"{}\" y=\"{y}\">waits for its turn</text>\n\
         {}<text x=\"{}\" y=\"{y}\">is served: a bar a message</text>\n{computing}",
        LEFT + 38.0,
        waiting(LEFT + 180.0, LEFT + 211.0, middle, INK),
        LEFT + 218.0,
    )
}
