//! A story in the characters of a terminal, 80 columns wide.

use super::layout::Layout;
use super::story::Story;

/// How wide the column of phases is, and all lanes together.
const PHASE: usize = 12;
const LANES: usize = 68;

/// What stands before a call that had to wait, and before others.
const MARKS: [&str; 2] = ["~ ", "  "];

/// The story, a column a lane.
pub(super) fn render(story: &Story) -> String {
    let width = LANES / story.lanes().len().max(1);
    let layout = Layout::new(story, width.saturating_sub(MARKS[0].len()).max(1));
    let mut lines = vec![vec![String::new(); layout.lanes.len()]; layout.height];
    for cell in &layout.cells {
        for (number, text) in cell.lines.iter().enumerate() {
            let mark = MARKS[usize::from(!cell.step.waited || number > 0)];
            lines[cell.line + number][cell.lane] = format!("{mark}{text}");
        }
    }
    let heads: Vec<String> = layout.lanes.iter().map(|lane| format!("  {lane}")).collect();
    let mut text = line(&story.model, &heads, width);
    for (number, lanes) in lines.iter().enumerate() {
        let phase = layout.phases.iter().find(|(_, first)| *first == number);
        text += &line(phase.map_or("", |(phase, _)| phase.title()), lanes, width);
    }
    text
}

fn line(head: &str, lanes: &[String], width: usize) -> String {
    let lanes: String = lanes.iter().map(|text| format!("{text:<width$}")).collect();
    format!("{head:<PHASE$}{lanes}").trim_end().to_owned() + "\n"
}
