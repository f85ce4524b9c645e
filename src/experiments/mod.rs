//! The table of experiments. Each is a file or a folder here: what it is told (its options), what it
//! measures, and what it shows of its figures. Command line, files, the report and the book's
//! figures follow from that.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value};

use crate::measure::lab::Lab;
use crate::results::Row;
use crate::results::section::Section;

mod anatomy;
mod comparison;
pub mod crash;
mod exercise;
mod memory;
mod overload;
mod scale;
pub mod siege;
mod timeline;
mod work;

/// The experiments, in the order of the report. The first is what the lab does if it is told
/// nothing.
pub const EXPERIMENTS: &[Entry] = &[
    Entry::of::<comparison::Comparison>(),
    Entry::of::<anatomy::Anatomy>(),
    Entry::of::<timeline::Timeline>(),
    Entry::of::<scale::Scale>(),
    Entry::of::<memory::Memory>(),
    Entry::of::<overload::Overload>(),
    Entry::of::<work::Work>(),
    Entry::of::<siege::Siege>(),
    Entry::of::<crash::Crash>(),
];

/// The shape of an experiment.
pub trait Experiment {
    /// Its name, as a subcommand.
    const NAME: &'static str;
    /// Its heading in the report.
    const TITLE: &'static str;
    /// What it is, in one line of the help.
    const ABOUT: &'static str;
    /// What `--quick` means to it, for the help.
    const QUICK: &'static str;
    /// What it is told beside what all experiments are.
    type Options: Args;
    /// What it finds out.
    type Figures;

    /// How many connections at a time there must be room for, at the least.
    fn connections(lab: &Lab, options: &Self::Options) -> usize;

    /// How long it will take, in seconds, give or take a third.
    fn seconds(lab: &Lab, options: &Self::Options) -> f64;

    /// Measures. Blocks until the end.
    ///
    /// # Errors
    ///
    /// When a server or a client fails: figures of such a run would be worth nothing.
    fn measure(lab: &Lab, options: &Self::Options) -> anyhow::Result<Self::Figures>;

    /// What was measured, in long form: what `--json` and `--csv` write.
    fn rows(figures: &Self::Figures) -> Vec<Row>;

    /// What it found out that is no figure, for `--json`.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    fn facts(_: &Self::Figures) -> serde_json::Result<Map<String, Value>> {
        Ok(Map::new())
    }

    /// Shows what was measured.
    fn show(figures: &Self::Figures) -> Section;

    /// Where its picture is to be written too.
    fn svg(_: &Self::Options) -> Option<PathBuf> {
        None
    }

    /// An option that it rests on and that a bare server does not know: then none may take part.
    const NEEDS: Option<&'static str> = None;
    /// Whether a server that is not ours may take part.
    const TAKES_FOREIGN: bool = false;
    /// What of it stands in the report: what it finds as usual, unless it says otherwise.
    const PARTS: &'static [Part] =
        &[Part { name: Self::NAME, title: Self::TITLE, arguments: &[], quick_arguments: &[] }];
}

/// A part of the report: an experiment, told in a certain way.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its name in links and files.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What the experiment is told.
    pub arguments: &'static [&'static str],
    /// The same where less time is to be taken.
    pub quick_arguments: &'static [&'static str],
}

/// Numbers from a command line, each once and in order.
fn from_few_to_many<T: PartialOrd>(mut numbers: Vec<T>) -> Vec<T> {
    numbers.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    numbers.dedup();
    numbers
}

/// An experiment in the table.
pub struct Entry {
    /// Its name, as a subcommand.
    pub name: &'static str,
    /// What it is, in one line of the help.
    pub about: &'static str,
    /// What `--quick` means to it.
    pub quick: &'static str,
    /// What of it stands in the report.
    pub parts: &'static [Part],
    /// Whether a server that is not ours may take part.
    pub takes_foreign: bool,
    prepare: fn(&Lab, &ArgMatches) -> anyhow::Result<f64>,
    augment: fn(Command) -> Command,
    conduct: fn(&Lab, &ArgMatches) -> anyhow::Result<Finding>,
    svg: fn(&ArgMatches) -> anyhow::Result<Option<PathBuf>>,
}

/// The result of an experiment.
pub struct Finding {
    /// Its figures in long form.
    pub rows: Vec<Row>,
    /// What else a file says of it.
    pub facts: Map<String, Value>,
    /// What it shows of them.
    pub section: Section,
}

impl Entry {
    const fn of<E: Experiment>() -> Self {
        Entry {
            name: E::NAME,
            about: E::ABOUT,
            quick: E::QUICK,
            parts: E::PARTS,
            takes_foreign: E::TAKES_FOREIGN,
            prepare: |lab, matches| {
                let options = E::Options::from_arg_matches(matches)?;
                E::NEEDS.map_or(Ok(()), |option| lab.require_servers(option))?;
                lab.require_room(E::connections(lab, &options))?;
                Ok(E::seconds(lab, &options))
            },
            augment: E::Options::augment_args,
            conduct: |lab, matches| {
                let figures = E::measure(lab, &E::Options::from_arg_matches(matches)?)?;
                let (rows, facts) = (E::rows(&figures), E::facts(&figures)?);
                Ok(Finding { rows, facts, section: E::show(&figures) })
            },
            svg: |matches| Ok(E::svg(&E::Options::from_arg_matches(matches)?)),
        }
    }

    /// Adds the experiment's options to a command.
    pub fn augment(&self, command: Command) -> Command {
        (self.augment)(command)
    }

    /// Where its picture is to be written too.
    ///
    /// # Errors
    ///
    /// When these matches are of another command.
    pub fn svg(&self, matches: &ArgMatches) -> anyhow::Result<Option<PathBuf>> {
        (self.svg)(matches)
    }

    /// Looks whether there is room for it, and says how long it will take, give or take a third.
    ///
    /// # Errors
    ///
    /// When a limit is too short, or these matches are of another command.
    pub fn prepare(&self, lab: &Lab, matches: &ArgMatches) -> anyhow::Result<Duration> {
        let seconds = (self.prepare)(lab, matches)?;
        Ok(Duration::from_secs_f64(seconds.clamp(1.0, 1e6)))
    }

    /// Conducts it, as it was told.
    ///
    /// # Errors
    ///
    /// When it fails, or these matches are of another command.
    pub fn conduct(&self, lab: &Lab, matches: &ArgMatches) -> anyhow::Result<Finding> {
        (self.conduct)(lab, matches)
    }

    /// What it is told by these arguments.
    ///
    /// # Errors
    ///
    /// When it does not know one of them, or lacks one.
    pub fn told(&self, arguments: &[&str]) -> anyhow::Result<ArgMatches> {
        let words = [&[self.name], arguments].concat();
        Ok(self.augment(Command::new(self.name)).try_get_matches_from(words)?)
    }
}
