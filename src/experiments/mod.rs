//! The experiments. Each is a file or a folder here, and a struct: its options, which say how it is run, and
//! what it shows of its results. Files, the report and the book's figures follow from that; the command line has a
//! line for each, in `commands`.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::time::Duration;

use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::results::section::Section;
use crate::results::{Results, Server};

mod anatomy;
mod comparison;
mod cores;
pub mod crash;
pub mod files;
mod loads;
mod memory;
mod overload;
mod scale;
mod scene;
pub mod siege;
mod timeline;
mod work;

pub use anatomy::Anatomy;
pub use comparison::Comparison;
pub use cores::Cores;
pub use crash::Crash;
pub use memory::Memory;
pub use overload::Overload;
pub use scale::Scale;
pub use siege::Siege;
pub use timeline::Timeline;
pub use work::Work;

/// An experiment, as it was told.
pub trait Experiment: Debug {
    /// Its name, as a subcommand and in files.
    fn name(&self) -> &'static str;

    /// Its heading in the report.
    fn title(&self) -> &'static str;

    /// How many connections at a time there must be room for, at the least.
    fn connections(&self, lab: &Lab) -> usize;

    /// How long it will take, in seconds, give or take a third.
    fn seconds(&self, lab: &Lab) -> f64;

    /// Measures. Blocks until the end.
    ///
    /// # Errors
    ///
    /// When a server or a client fails: figures of such a run would be worth nothing.
    fn run(&self, lab: &Lab) -> anyhow::Result<Results>;

    /// Shows what was measured.
    fn show(&self, results: &Results) -> Section;

    /// An option that it rests on and that a bare server does not know: then none may take part.
    fn needs(&self) -> Option<&'static str> {
        None
    }

    /// What `--quick` means to it, for the help.
    fn quick() -> &'static str
    where
        Self: Sized;

    /// Whether a server that is not ours may take part.
    fn takes_foreign() -> bool
    where
        Self: Sized,
    {
        false
    }
}

impl dyn Experiment + '_ {
    /// Looks whether there is room for it, and says how long it will take, give or take a third.
    ///
    /// # Errors
    ///
    /// When a limit is too short, or somebody takes part who does not know what it needs.
    pub fn prepare(&self, lab: &Lab) -> anyhow::Result<Duration> {
        self.needs().map_or(Ok(()), |option| lab.require_servers(option))?;
        lab.require_room(self.connections(lab))?;
        Ok(Duration::from_secs_f64(self.seconds(lab).clamp(1.0, 1e6)))
    }

    /// Runs it, and shows what it has measured, and what not. Blocks until the end.
    ///
    /// # Errors
    ///
    /// When a server or a client fails.
    pub fn conduct(&self, lab: &Lab) -> anyhow::Result<(Results, Section)> {
        let mut results = self.run(lab)?;
        results.failures = lab.take_failures();
        results.sort();
        let mut section = self.show(&results);
        section.sentences.extend(results.failures.iter().map(ToString::to_string));
        Ok((results, section))
    }
}

/// A part of the report.
#[derive(Debug)]
pub struct Part {
    /// Its name in links and files.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What its experiment is told on a command line.
    pub arguments: &'static [&'static str],
    /// The experiment.
    pub experiment: Box<dyn Experiment>,
}

/// What the report is made of, in its order: all experiments as usual, and one twice.
pub fn parts() -> Vec<Part> {
    let part = |experiment: Box<dyn Experiment>| {
        let (name, title) = (experiment.name(), experiment.title());
        Part { name, title, arguments: &[], experiment }
    };
    vec![
        part(Box::new(Comparison {})),
        part(Box::<Anatomy>::default()),
        part(Box::<Timeline>::default()),
        Part {
            name: "timeline-compute",
            title: "Who waits for whom while the server computes",
            arguments: &["--compute", "30ms"],
            experiment: Box::new(Timeline::computing(Duration::from_millis(30))),
        },
        part(Box::<Scale>::default()),
        part(Box::<Memory>::default()),
        part(Box::<Overload>::default()),
        part(Box::<Work>::default()),
        part(Box::<Cores>::default()),
        part(Box::<Siege>::default()),
        part(Box::<Crash>::default()),
    ]
}

/// The results of an experiment in which these take part, before there are any.
fn results_of(experiment: &dyn Experiment, contestants: &[Contestant]) -> Results {
    let server = |it: &Contestant| Server { name: it.name.clone(), colour: it.colour.to_owned() };
    Results::new(experiment.name(), contestants.iter().map(server).collect())
}

/// Numbers from a command line, each once and in order; else the usual ones, or in a hurry fewer.
fn from_few_to_many<T: PartialOrd + Clone>(
    given: &[T],
    lab: &Lab,
    usual: &[T],
    quick: &[T],
) -> Vec<T> {
    let mut numbers = match (given, lab.quick) {
        ([], false) => usual.to_vec(),
        ([], true) => quick.to_vec(),
        (given, _) => given.to_vec(),
    };
    numbers.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    numbers.dedup();
    numbers
}
