//! What a connection makes the kernel do: the story of one, call by call, and counts of many.

use std::io;
use std::thread;
use std::time::Duration;

use super::files::{Files, RECORDING, note, recording_of};
use super::{Experiment, results_of};
use crate::kernel::call_counter::{CallCounter, Witness};
use crate::kernel::interrupts::Interrupts;
use crate::measure::lab::{Lab, Progress, Window};
use crate::recording::{Recorded, Recording};
use crate::results::Results;
use crate::results::plot::INK;
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

use counts::{CALLS_COUNTED_BY, Conditions, LOADS, Witnesses};
use story::Story;

/// The experiment.
#[derive(clap::Args, Debug, Default)]
pub struct Anatomy {
    #[command(flatten)]
    files: Files,
}

/// Under which names the stories are noted, and why there are none.
const STORIES: &str = "stories";
const NO_STORIES: &str = "no_stories";

impl Experiment for Anatomy {
    fn name(&self) -> &'static str {
        "anatomy"
    }

    fn title(&self) -> &'static str {
        "What a connection makes the kernel do"
    }

    fn quick() -> &'static str {
        "1 round of 60 ms instead of 4 of 90 ms"
    }

    fn connections(&self, _: &Lab) -> usize {
        LOADS.iter().map(|it| it.connections).max().unwrap_or_default()
    }

    fn seconds(&self, lab: &Lab) -> f64 {
        let (rounds, window) = plan(lab);
        let loads = (2 * rounds * LOADS.len()) as f64 * window.seconds();
        STILL.as_secs_f64() + lab.contestants.len() as f64 * (0.1 + loads)
    }

    fn run(&self, lab: &Lab) -> anyhow::Result<Results> {
        let files = self.files.create()?;
        let (rounds, window) = plan(lab);
        let count = lab.contestants.len();
        let mut results = results_of(self, &lab.contestants);
        let progress = lab.progress(count * (1 + rounds * LOADS.len()));
        let (stories, no_stories) = stories(lab, &progress)?;
        let recording = self.recording_of(lab, &stories);
        files.write(&recording)?;
        note(&mut results, &recording)?;
        results.note(STORIES, serde_json::to_value(stories)?);
        no_stories.into_iter().for_each(|reason| results.note(NO_STORIES, reason));
        for contestant in &lab.contestants {
            counts::look(&mut results, lab, contestant)?;
        }
        let conditions = Conditions { window, still: while_still(), counter: CallCounter::new() };
        lab.in_rounds(rounds, count * LOADS.len(), |step| {
            let (load, contestant) = (&LOADS[step / count], &lab.contestants[step % count]);
            progress.step(format!("{}: {}", contestant.name, load.name));
            counts::count(&mut results, lab, contestant, load, &conditions)
        })?;
        Ok(results)
    }

    fn show(&self, results: &Results) -> Section {
        let stories: Vec<Story> = results.noted(STORIES).unwrap_or_default();
        let picture = |story: &Story| {
            let server = results.servers.iter().find(|it| it.name == story.model);
            let colour = server.map_or(INK, |it| &it.colour);
            Picture {
                caption: format!("{}: the life of a connection", story.model),
                svg: svg::draw(story, colour, svg::PAGE),
                slide: Some(svg::draw(story, colour, svg::SLIDE)),
                text: Some(text::render(story)),
            }
        };
        let sentences = stories.iter().map(Story::sentence);
        Section {
            sentences: sentences
                .chain(results.noted(NO_STORIES))
                .chain(tables::sentences(results))
                .collect(),
            pictures: stories.iter().map(picture).collect(),
            tables: tables::all(results),
            method: format!("{METHOD} {}", who_counted(results)),
            recording: results.noted(RECORDING),
        }
    }
}

impl Anatomy {
    /// The stories as events.
    fn recording_of(&self, lab: &Lab, stories: &[Story]) -> Recording {
        let colour = |name: &str| {
            let found = lab.contestants.iter().find(|it| it.name == name);
            found.map_or(INK, |it| it.colour).to_owned()
        };
        let server = |it: &Story| Recorded {
            name: it.model.clone(),
            colour: colour(&it.model),
            process: Some(it.process),
            ..Recorded::default()
        };
        let mut recording = recording_of(self.name(), stories.iter().map(server).collect());
        recording.events = stories.iter().flat_map(Story::events).collect();
        recording
    }
}

/// Who counted the system calls.
fn who_counted(results: &Results) -> String {
    let witnesses: Witnesses = results.noted(CALLS_COUNTED_BY).unwrap_or_default();
    let of = |one: Witness| {
        let its = witnesses.iter().filter(|(_, witness)| **witness == one);
        its.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (of(Witness::Kernel).as_str(), of(Witness::Tracer).as_str()) {
        ("", "") => "System calls were not counted: this system forbids it.".to_owned(),
        (_, "") => "System calls were counted by the kernel's tracepoints.".to_owned(),
        ("", _) => format!("System calls were counted by a tracer, {SLOWS}"),
        (_, traced) => format!(
            "System calls were counted by the kernel's tracepoints, but those of {traced} by a \
             tracer, {SLOWS}"
        ),
    }
}

const SLOWS: &str = "which slows a server down: its threads sleep more often then, and a pool makes \
    up to twice as many calls.";

const METHOD: &str = "After two rehearsals one client is followed; it goes on only when all in the \
    server wait. ~ had to wait; ... waits for the next client. Counts are medians of runs without \
    a tracer, children included; what a server costs that serves each client once is taken off.";

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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(witnesses: &[(&str, Witness)]) -> String {
        let mut results = results_of(&Anatomy::default(), &[]);
        let witnesses: Witnesses =
            witnesses.iter().map(|(name, witness)| ((*name).to_owned(), *witness)).collect();
        results.note(CALLS_COUNTED_BY, serde_json::to_value(witnesses).unwrap());
        who_counted(&results)
    }

    #[test]
    fn one_server_s_witness_does_not_speak_for_the_others() {
        let (fork, pool) = (("fork", Witness::Kernel), ("pool", Witness::Tracer));
        assert!(told(&[fork]).ends_with("by the kernel's tracepoints."));
        assert!(told(&[fork, pool]).contains("tracepoints, but those of pool by a tracer"));
        assert!(told(&[pool]).starts_with("System calls were counted by a tracer"));
        assert!(told(&[]).contains("were not counted"));
    }
}
