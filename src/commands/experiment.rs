//! The experiments on the command line: a line for each, and what every one is told.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{
    NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser,
};
use clap::error::Result;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use lab::experiments::{
    self, Anatomy, Comparison, Cores, Crash, Memory, Overload, Scale, Siege, Timeline, Work,
};
use lab::models;

use super::others::Others;

/// The experiments, in the order of the help.
#[derive(Subcommand)]
pub(super) enum Experiment {
    /// Compares all models side by side; this is what the lab does without a command
    Comparison(Run<Comparison>),
    /// Shows the system calls of one connection, and counts what many make the kernel do
    Anatomy(Run<Anatomy>),
    /// Draws a bar for each client: when it waits, and when it is served
    Timeline(Run<Timeline>),
    /// Measures how each model behaves as the number of clients grows
    Scale(Run<Scale>),
    /// Measures how much memory idle connections take
    Memory(Run<Memory>),
    /// Sends more new clients each second than a model can serve
    Overload(Run<Overload>),
    /// Compares servers that wait with servers that compute, and both with what the CPUs allow
    Work(Run<Work>),
    /// Keeps servers to one processor, to two, and so on: who does more with more of them
    Cores(Run<Cores>),
    /// Attacks with slow clients: how many does it take until ordinary clients have to wait
    Siege(Run<Siege>),
    /// Crashes servers under their clients: who notices it and when, and who else is cut off
    Crash(Run<Crash>),
}

impl Experiment {
    /// The experiment, and what it is told.
    pub(super) fn told(&self) -> Told<'_> {
        match self {
            Experiment::Comparison(run) => run.told(),
            Experiment::Anatomy(run) => run.told(),
            Experiment::Timeline(run) => run.told(),
            Experiment::Scale(run) => run.told(),
            Experiment::Memory(run) => run.told(),
            Experiment::Overload(run) => run.told(),
            Experiment::Work(run) => run.told(),
            Experiment::Cores(run) => run.told(),
            Experiment::Siege(run) => run.told(),
            Experiment::Crash(run) => run.told(),
        }
    }
}

/// What every experiment is told.
#[derive(Args)]
pub(super) struct Common {
    /// Use only these models; fork-bare is that model's bare server, 'event --workers 2' one with options
    #[arg(long, value_name = "A,B", value_delimiter = ',', hide_possible_values = true,
        default_value = models::names().join(","), value_parser = ServerName)]
    pub(super) models: Vec<String>,

    /// Finish sooner, with less exact figures
    #[arg(long)]
    pub(super) quick: bool,

    /// In which order the rounds go: the seed that another run has printed
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    /// Write each picture to a file in this directory, as SVG for a slide (16 to 9)
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) svg: Option<PathBuf>,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Write all figures to this file, as comma-separated values: a line for each round
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
}

/// An experiment with all that it is told: its own options, then those of all, and servers that are not ours
/// where these may take part.
pub(super) struct Run<E> {
    experiment: E,
    common: Common,
    others: Others,
}

/// The same of any experiment.
pub(super) struct Told<'a> {
    pub(super) experiment: &'a dyn experiments::Experiment,
    pub(super) common: &'a Common,
    pub(super) others: &'a Others,
}

impl<E: experiments::Experiment> Run<E> {
    pub(super) fn told(&self) -> Told<'_> {
        Told { experiment: &self.experiment, common: &self.common, others: &self.others }
    }
}

impl<E: experiments::Experiment + Args> Args for Run<E> {
    fn augment_args(command: Command) -> Command {
        let command = Common::augment_args(E::augment_args(command));
        let command = if E::takes_foreign() { Others::augment_args(command) } else { command };
        let quick = format!("Finish sooner, with less exact figures: {}", E::quick());
        // The descriptions of the structs are not that of the command.
        command.mut_arg("quick", |arg| arg.help(quick)).about(None).long_about(None)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<E: experiments::Experiment + Args> FromArgMatches for Run<E> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self> {
        let others = match E::takes_foreign() {
            true => Others::from_arg_matches(matches)?,
            false => Others::default(),
        };
        let (experiment, common) =
            (E::from_arg_matches(matches)?, Common::from_arg_matches(matches)?);
        Ok(Run { experiment, common, others })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<()> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Reads the name of a server of ours, which may have options behind it, and lists the names.
#[derive(Clone)]
struct ServerName;

impl TypedValueParser for ServerName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value> {
        let text = NonEmptyStringValueParser::new().parse_ref(command, arg, value)?;
        let names = PossibleValuesParser::new(models::names_with_bare());
        names.parse_ref(command, arg, OsStr::new(models::first_word(&text)))?;
        Ok(text)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(models::names_with_bare().into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_has_the_name_of_its_subcommand_and_a_part_of_the_report_is_what_its_command_measures()
     {
        let command = Experiment::augment_subcommands(Command::new("lab"));
        for part in experiments::parts() {
            let words = [&["lab", part.experiment.name()], part.arguments].concat();
            let matches = command.clone().try_get_matches_from(words).unwrap();
            let experiment = Experiment::from_arg_matches(&matches).unwrap();
            assert_eq!(
                format!("{:?}", experiment.told().experiment),
                format!("{:?}", part.experiment)
            );
        }
    }
}
