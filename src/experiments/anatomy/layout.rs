//! Where each step of a story stands: a lane for each process and thread, time downwards. What goes
//! on at once stands side by side; what had to wait stands below all that came before it.

use textwrap::WordSplitter;

use super::story::{Phase, Step, Story};

/// A step in its place, or several calls in a row of which there is no more to say.
pub(super) struct Cell<'a> {
    /// Which lane it stands in.
    pub(super) lane: usize,
    /// Its first line, from the top.
    pub(super) line: usize,
    /// The step, or the first of several.
    pub(super) step: &'a Step,
    /// Its text, in lines.
    pub(super) lines: Vec<String>,
    /// The calls that it stands for, each with how often it is repeated.
    calls: Vec<(&'a str, usize)>,
}

/// A story in its places.
pub(super) struct Layout<'a> {
    /// Who stands above each lane.
    pub(super) lanes: Vec<&'a str>,
    /// All steps, lane by lane in the order of time.
    pub(super) cells: Vec<Cell<'a>>,
    /// The phases, and the line that each begins at.
    pub(super) phases: Vec<(Phase, usize)>,
    /// How many lines there are.
    pub(super) height: usize,
}

impl<'a> Layout<'a> {
    /// The story in lanes of this many characters.
    pub(super) fn new(story: &'a Story, width: usize) -> Self {
        let lanes = story.lanes();
        let mut layout = Layout { lanes, cells: Vec::new(), phases: Vec::new(), height: 0 };
        for phase in Phase::ALL {
            let steps = story.steps.iter().filter(|step| step.phase == phase);
            let cells = layout.joined(steps);
            if !cells.is_empty() {
                layout.place(phase, cells, width);
            }
        }
        layout
    }

    /// The steps of a phase, plain calls in a row as one.
    fn joined(&self, steps: impl Iterator<Item = &'a Step>) -> Vec<Cell<'a>> {
        let mut cells: Vec<Cell<'a>> = Vec::new();
        for step in steps {
            let lane = self.lanes.iter().position(|name| *name == step.who).unwrap_or_default();
            let last = cells.iter_mut().rev().find(|cell| cell.lane == lane);
            match last {
                Some(last) if last.step.is_plain() && step.is_plain() => last.join(&step.text),
                _ => cells.push(Cell::new(lane, step)),
            }
        }
        cells
    }

    /// Places the steps of a phase below what there is.
    fn place(&mut self, phase: Phase, cells: Vec<Cell<'a>>, width: usize) {
        let top = self.height;
        self.phases.push((phase, top));
        let mut ends = vec![top; self.lanes.len()];
        for mut cell in cells {
            let first_of_lane = !self.cells.iter().any(|it| it.lane == cell.lane);
            let after_all = cell.step.waited && cell.step.returned || first_of_lane;
            let above = if after_all { self.height } else { ends[cell.lane] };
            cell.wrap(width);
            cell.line = above.max(ends[cell.lane]);
            ends[cell.lane] = cell.line + cell.lines.len();
            self.height = self.height.max(ends[cell.lane]);
            self.cells.push(cell);
        }
    }
}

impl<'a> Cell<'a> {
    fn new(lane: usize, step: &'a Step) -> Self {
        Cell { lane, line: 0, step, lines: Vec::new(), calls: vec![(&step.text, 1)] }
    }

    fn join(&mut self, call: &'a str) {
        match self.calls.last_mut() {
            Some((last, times)) if *last == call => *times += 1,
            _ => self.calls.push((call, 1)),
        }
    }

    fn wrap(&mut self, width: usize) {
        let call = |(call, times): &(&str, usize)| match times {
            1 => (*call).to_owned(),
            times => format!("{call} ×{times}"),
        };
        let text = self.calls.iter().map(call).collect::<Vec<_>>().join(", ");
        let text = if self.step.returned { text } else { text + " ..." };
        let options = textwrap::Options::new(width)
            .subsequent_indent("  ")
            .word_splitter(WordSplitter::NoHyphenation);
        self.lines = textwrap::wrap(&text, options).into_iter().map(Into::into).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::Made;
    use super::*;

    fn step(phase: Phase, who: &str, text: &str, waited: bool) -> Step {
        let call = Some(if text == "call" { "call" } else { "another" }.to_owned());
        let (who, text) = (who.to_owned(), text.to_owned());
        let (returned, made, at, microseconds) = (true, None, 0, 0);
        Step { phase, who, call, text, waited, returned, made, at, microseconds }
    }

    /// Each step as its lane, its line and its text.
    fn placed(steps: Vec<Step>) -> Vec<(usize, usize, String)> {
        let story = Story { model: String::new(), process: 1, steps };
        let layout = Layout::new(&story, 20);
        layout.cells.iter().map(|it| (it.lane, it.line, it.lines.join("/"))).collect()
    }

    #[test]
    fn what_goes_on_at_once_stands_side_by_side_and_who_waited_below() {
        let made = Made { name: "child".to_owned(), is_thread: false, shares_memory: false };
        let made = Some(made);
        let placed = placed(vec![
            Step { made, ..step(Phase::UnitBegins, "parent", "fork()", false) },
            step(Phase::UnitBegins, "child", "prctl()", false),
            step(Phase::UnitBegins, "parent", "close()", false),
            step(Phase::Served, "child", "read()", true),
            step(Phase::Served, "parent", "poll()", false),
        ]);
        let expected = [(0, 0, "fork()"), (1, 1, "prctl()"), (0, 1, "close()"), (1, 2, "read()")];
        let text = |(lane, line, text): (usize, usize, &str)| (lane, line, text.to_owned());
        assert_eq!(placed[..4], expected.map(text));
        assert_eq!(
            placed[4],
            (0, 2, "poll()".to_owned()),
            "not below a read that it knew nothing of"
        );
    }

    #[test]
    fn plain_calls_in_a_row_stand_together_and_long_ones_are_wrapped() {
        let call = || step(Phase::Served, "server", "call", false);
        let long = step(Phase::Served, "server", "read(a long argument) = 12", false);
        let placed = placed(vec![call(), call(), call(), long]);
        assert_eq!(placed[0], (0, 0, "call ×3".to_owned()));
        assert_eq!(placed[1], (0, 1, "read(a long/  argument) = 12".to_owned()));
    }
}
