//! What a connection makes the kernel do: the story of one, call by call, and counts of many.

use std::io;
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Experiment;
use crate::kernel::call_counter::{CallCounter, Witness};
use crate::kernel::interrupts::Interrupts;
use crate::measure::lab::{Lab, Progress, Window, in_rounds};
use crate::results::Row;
use crate::results::section::{Picture, Section};

mod counts;
mod layout;
mod story;
mod svg;
mod tables;
mod text;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod trace;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod words;

use counts::{Conditions, Counts, EXERCISES};
use story::Story;

/// The experiment.
pub(super) struct Anatomy;

/// It is told nothing of its own.
#[derive(clap::Args)]
pub(super) struct Options {}

/// What was found out.
pub(super) struct Figures {
    /// One a model; none where tracing is forbidden.
    stories: Vec<Story>,
    /// Why there are none.
    no_stories: Option<String>,
    counts: Vec<Counts>,
}

impl Experiment for Anatomy {
    const NAME: &'static str = "anatomy";
    const TITLE: &'static str = "What a connection makes the kernel do";
    const ABOUT: &'static str =
        "Shows the system calls of one connection, and counts what many make the kernel do";
    const QUICK: &'static str = "1 round of 60 ms instead of 4 of 90 ms";
    type Options = Options;
    type Figures = Figures;

    fn connections(_: &Lab, _: &Options) -> usize {
        EXERCISES.iter().map(|it| it.connections).max().unwrap_or_default()
    }

    fn seconds(lab: &Lab, _: &Options) -> f64 {
        let (rounds, window) = plan(lab);
        let loads = (2 * rounds * EXERCISES.len()) as f64 * window.seconds();
        STILL.as_secs_f64() + lab.contestants.len() as f64 * (0.1 + loads)
    }

    fn measure(lab: &Lab, _: &Options) -> anyhow::Result<Figures> {
        let (rounds, window) = plan(lab);
        let count = lab.contestants.len();
        let progress = lab.progress(count * (1 + rounds * EXERCISES.len()));
        let (stories, no_stories) = stories(lab, &progress)?;
        let mut counts: Vec<Counts> = lab.contestants.iter().map(Counts::new).collect();
        for (counts, contestant) in counts.iter_mut().zip(&lab.contestants) {
            counts.look(lab, contestant)?;
        }
        let conditions = Conditions { window, still: while_still(), counter: CallCounter::new() };
        in_rounds(rounds, count * EXERCISES.len(), |step| {
            let (load, index) = (step / count, step % count);
            let contestant = &lab.contestants[index];
            progress.step(format!("{}: {}", contestant.name, EXERCISES[load].name));
            counts[index].count(lab, contestant, load, &conditions)
        })?;
        Ok(Figures { stories, no_stories, counts })
    }

    fn rows(figures: &Figures) -> Vec<Row> {
        let mut rows = Vec::new();
        figures.counts.iter().for_each(|counts| counts.add_to(&mut rows));
        rows
    }

    fn facts(figures: &Figures) -> serde_json::Result<Map<String, Value>> {
        let witness = figures.counts.first().and_then(|it| it.calls_counted_by);
        let facts = [
            ("stories", serde_json::to_value(&figures.stories)?),
            ("calls_counted_by", serde_json::to_value(witness)?),
        ];
        Ok(facts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    }

    fn show(Figures { stories, no_stories, counts }: &Figures) -> Section {
        let picture = |story: &Story| Picture {
            caption: format!("{}: the life of a connection", story.model),
            svg: svg::draw(story),
            text: Some(text::render(story)),
        };
        let sentences = stories.iter().map(Story::sentence);
        Section {
            sentences: sentences
                .chain(no_stories.clone())
                .chain(tables::sentences(counts))
                .collect(),
            pictures: stories.iter().map(picture).collect(),
            tables: tables::all(counts),
            method: format!("{METHOD} {}", who_counted(counts)),
        }
    }
}

/// Who counted the system calls.
fn who_counted(counts: &[Counts]) -> &'static str {
    match counts.first().and_then(|it| it.calls_counted_by) {
        Some(Witness::Kernel) => "System calls were counted by the kernel's tracepoints.",
        Some(Witness::Tracer) => {
            "System calls were counted by a tracer, which slows a server down: its threads sleep \
             more often then, and a pool makes up to twice as many calls."
        }
        None => "System calls were not counted: this system forbids it.",
    }
}

const METHOD: &str = "After two rehearsals one client is followed; it goes on only when all in the \
    server wait. ~ had to wait; ... waits for the next client. Counts are medians of runs without \
    a tracer, children included, an idle run taken off.";

/// How long the machine is watched with nothing to do.
const STILL: Duration = Duration::from_millis(300);

/// How often and for how long.
fn plan(lab: &Lab) -> (usize, Window) {
    match lab.quick {
        false => (4, Window::milliseconds(20, 90)),
        true => (1, Window::milliseconds(10, 60)),
    }
}

/// The story of each model, or why this system forbids to look.
fn stories(lab: &Lab, progress: &Progress) -> anyhow::Result<(Vec<Story>, Option<String>)> {
    let mut stories = Vec::new();
    for contestant in &lab.contestants {
        progress.step(format!("{}: the story", contestant.name));
        match trace::story(lab, contestant)? {
            Ok(story) => stories.push(story),
            Err(error) => return Ok((stories, Some(forbidden(&error)))),
        }
    }
    Ok((stories, None))
}

fn forbidden(error: &io::Error) -> String {
    format!(
        "No stories: this system does not let the lab trace its servers ({error}); ptrace(2) and \
         /proc/sys/kernel/yama/ptrace_scope say who may."
    )
}

/// What the processors ask of each other in a second when nobody loads anything.
fn while_still() -> Interrupts {
    let before = Interrupts::so_far();
    thread::sleep(STILL);
    let per_second = 1.0 / STILL.as_secs_f64();
    let all = Interrupts::so_far().since(before);
    Interrupts {
        tlb_shootdowns: all.tlb_shootdowns * per_second,
        function_calls: all.function_calls * per_second,
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod trace {
    use std::io;

    use super::story::Story;
    use crate::measure::lab::Lab;
    use crate::models::Contestant;

    pub(super) fn story(_: &Lab, _: &Contestant) -> anyhow::Result<io::Result<Story>> {
        Ok(Err(io::ErrorKind::Unsupported.into()))
    }
}
