//! What the guide prints, in 80 columns.

use std::io::{self, IsTerminal, Write};

use anstream::{eprintln, print, println};
use anstyle::{AnsiColor, Style};
use exercises::attempt::Verdict;
use exercises::{EXERCISES, Exercise};
use textwrap::WordSplitter;

use super::Done;
use crate::records::Record;

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const BOLD: Style = Style::new().bold();

/// How wide a line of text may be.
const WIDTH: usize = 80;

/// Before the first look, which may take some seconds.
pub(super) fn begin() {
    eprintln!("Compiling your files, and looking where you stand ...");
}

/// An empty screen, where there is one.
pub(super) fn clear() {
    if io::stdout().is_terminal() {
        std::print!("\x1b[2J\x1b[H");
    }
}

/// How many are done.
pub(super) fn progress(done: &Done) {
    let (done, all) = (done.len(), EXERCISES.len());
    let bar = "#".repeat(done) + &".".repeat(all - done);
    println!("\n{BOLD}{done} of {all} exercises are done{BOLD:#}  {GREEN}{bar}{GREEN:#}");
}

/// All exercises, and which are done.
pub(super) fn board(done: &Done, current: Option<&Exercise>) {
    for exercise in EXERCISES {
        let (mark, style) = match done.contains(exercise.name) {
            true => ("done", GREEN),
            false => ("", RED),
        };
        let arrow = match current.is_some_and(|it| it.name == exercise.name) {
            true => "  <- next",
            false => "",
        };
        let (name, kind, minutes) = (exercise.name, exercise.kind, exercise.kind.minutes());
        let kind = kind.to_string();
        println!("{style}{mark:<4}{style:#}  {name:<18}  {kind:<15}  {minutes:>2} min{arrow}");
    }
    progress(done);
}

/// An exercise, and how each of its tasks went.
pub(super) struct Card {
    /// Why the last task that was shown is not done.
    last: String,
}

impl Card {
    /// Shows what the exercise is.
    pub(super) fn new(exercise: &Exercise) -> Self {
        let (kind, minutes) = (exercise.kind, exercise.kind.minutes());
        println!("\n{BOLD}{}{BOLD:#}: {kind}, about {minutes} minutes", exercise.name);
        println!("{}", textwrap::fill(&format!("As you found it: {}.", exercise.about), WIDTH));
        println!("  file     {}", exercise.file());
        println!("  chapter  book/src/{}.md\n", exercise.chapter());
        Card { last: String::new() }
    }

    /// Shows how a task went.
    pub(super) fn show(&mut self, record: &Record) {
        let name = record.task.name;
        let (mark, style, why) = match &record.verdict {
            Verdict::Done => ("ok", GREEN, ""),
            Verdict::Wrong(why) if record.task.still => ("BROKEN", RED, why.as_str()),
            Verdict::Wrong(why) => ("to do", RED, why.as_str()),
            Verdict::NotHere(why) => ("not here", BOLD, why.as_str()),
        };
        println!("  {style}{mark:<8}{style:#} {name}");
        if !why.is_empty() {
            wrapped(if why == self.last { "as above" } else { why });
        }
        self.last = why.to_owned();
    }
}

/// A sentence under its task, in lines that fit.
fn wrapped(text: &str) {
    let indent = " ".repeat(13);
    let options = textwrap::Options::new(WIDTH)
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    println!("{}", textwrap::fill(text, options));
}

/// The next of the hints, or the last again.
pub(crate) fn hint(exercise: &Exercise, shown: usize) {
    let last = exercise.hints.len() - 1;
    println!("\nHint {} of {}:", shown.min(last) + 1, last + 1);
    wrapped(exercise.hints[shown.min(last)]);
}

/// What one can do now.
pub(super) fn keys() {
    print!(
        "\nSave the file, and it is tried again. Or press a key and Enter: h for a hint,\n\
         l for the list, n for the next exercise, q to end. "
    );
    let _ = io::stdout().flush();
}

/// All are done.
pub(super) fn end() {
    println!(
        "\n{GREEN}All exercises are done.{GREEN:#}\n\
         What is left is a server of your own: book/src/homework.md"
    );
}
