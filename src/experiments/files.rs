//! The files of an experiment that records what happens.

use std::borrow::Cow;
use std::path::PathBuf;

use client::output_file::OutputFile;

use crate::kernel::machine::Machine;
use crate::recording::{Recorded, Recording, trace};
use crate::results::Results;

/// Under which name a recording is noted beside the figures.
pub(crate) const RECORDING: &str = "recording";

/// Where to keep what was recorded.
#[derive(clap::Args, Debug, Default)]
pub(super) struct Files {
    /// Keep a recording of what happens in this file, as lines of JSON (crash, siege: of a small scene)
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Write it to this file as a trace, for Perfetto, speedscope or Firefox's profiler
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Files that can be written.
pub(super) struct Created {
    record: Option<OutputFile>,
    trace: Option<OutputFile>,
}

impl Files {
    /// Whether there are any.
    pub(super) fn are_asked_for(&self) -> bool {
        self.record.is_some() || self.trace.is_some()
    }

    /// Prepares them, before the work: a mistake in a name does not cost all of it.
    ///
    /// # Errors
    ///
    /// When one cannot be written.
    pub(super) fn create(&self) -> anyhow::Result<Created> {
        let create = |path: &Option<PathBuf>| path.as_deref().map(OutputFile::create).transpose();
        Ok(Created { record: create(&self.record)?, trace: create(&self.trace)? })
    }
}

impl Created {
    /// Writes them.
    ///
    /// # Errors
    ///
    /// When one cannot be written any more.
    pub(super) fn write(self, recording: &Recording) -> anyhow::Result<()> {
        if let Some(file) = self.record {
            file.write(&recording.lines()?)?;
        }
        if let Some(file) = self.trace {
            file.write(&(trace::chrome(recording).to_string() + "\n"))?;
        }
        Ok(())
    }
}

/// A recording of this machine, with nothing in it yet.
pub(super) fn recording_of(experiment: &str, servers: Vec<Recorded>) -> Recording {
    let mut recording = Recording::new(experiment, servers);
    let words = std::env::args_os().skip(1).map(|it| quoted(&it.to_string_lossy()));
    let words: Vec<String> = [String::from("lab")].into_iter().chain(words).collect();
    recording.head.command = words.join(" ");
    recording.head.machine = Machine::here().to_string();
    recording
}

/// A word as a shell takes it. A list of names, such as `fork,pool`, needs no quotes.
pub fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "-_=,./:".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        // A word of a command line has no zero byte.
        false => shlex::try_quote(word).map_or_else(|_| word.to_owned(), Cow::into_owned),
    }
}

/// Keeps a recording beside the figures.
pub(super) fn note(results: &mut Results, recording: &Recording) -> serde_json::Result<()> {
    results.note(RECORDING, serde_json::to_value(recording)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted("fork,pool"), "fork,pool");
        let words = ["event --workers 2", "mine=python3 'my server.py' {port}", "$HOME", ""];
        for word in words {
            assert_eq!(shlex::split(&quoted(word)), Some(vec![word.to_owned()]));
        }
    }
}
