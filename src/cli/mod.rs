//! The lab's subcommands: what each is told, and what it prints.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use lab::comparison;
use lab::machine::{Machine, listen_overflows};
use lab::measure::Bench;
use lab::models::MODELS;
use nix::sys::resource::{Resource, setrlimit};
use serde::Serialize;
use server_core::Model;
use textwrap::WordSplitter;

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod crash;
pub(crate) mod growth;
pub(crate) mod overload;
pub(crate) mod report;
pub(crate) mod scale;
pub(crate) mod timeline;

/// What every subcommand is told, and what it prints to.
pub(crate) struct Run {
    pub(crate) bench: Bench,
    pub(crate) models: Vec<Model>,
    pub(crate) quick: bool,
    pub(crate) machine: Machine,
    json: Option<File>,
    overflows_before: u64,
}

impl Run {
    pub(crate) fn new(models: &[String], quick: bool, json: Option<&Path>) -> anyhow::Result<Self> {
        let models = comparison::choose(models).map_err(anyhow::Error::msg)?;
        ensure!(!models.is_empty(), "--models names no model");
        let program = std::env::current_exe().context("cannot find this program")?;
        // Before the work, lest a mistake in its name cost all of it.
        let json = json.map(create).transpose()?;
        server_core::raise_open_file_limit();
        // Those who abort shall not leave their memory in the current directory.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        Ok(Run {
            bench: Bench { program, warns: true },
            models,
            quick,
            machine: Machine::here(),
            json,
            overflows_before: listen_overflows(),
        })
    }

    /// The options that were given, as they are typed behind a command.
    pub(crate) fn options(&self) -> String {
        let names: Vec<&str> = self.models.iter().map(|model| model.name).collect();
        let models = match names.len() == MODELS.len() {
            true => String::new(),
            false => format!(" --models {}", names.join(",")),
        };
        models + if self.quick { " --quick" } else { "" }
    }

    /// How many connections have overflowed a backlog since the start: each came a second late.
    pub(crate) fn overflows(&self) -> u64 {
        listen_overflows().saturating_sub(self.overflows_before)
    }

    /// Writes the figures to the file that `--json` names.
    pub(crate) fn write(&mut self, figures: &impl Serialize) -> anyhow::Result<()> {
        if let Some(file) = &mut self.json {
            let text = serde_json::to_string_pretty(figures)?;
            writeln!(file, "{text}").context("cannot write the figures")?;
        }
        Ok(())
    }

    /// Prints a table or a picture, its conclusion, how it was made, and a warning if it is due.
    pub(crate) fn print(
        &self,
        body: &str,
        conclusion: &[String],
        method: &str,
    ) -> anyhow::Result<()> {
        let mut text = format!("{body}\n");
        let machine = format!("{method} {}.", self.machine);
        let overflows = match self.overflows() {
            0 => None,
            count => Some(format!(
                "{count} connections overflowed a backlog and came a second later: the rates are \
                 not to be trusted."
            )),
        };
        for sentence in conclusion {
            text += &wrapped(sentence);
        }
        text += "\n";
        for sentence in [Some(machine), overflows].into_iter().flatten() {
            text += &wrapped(&sentence);
        }
        io::stdout().lock().write_all(text.as_bytes()).context("cannot print the result")
    }
}

/// A sentence in lines of 80 columns, its dates and options whole.
fn wrapped(sentence: &str) -> String {
    let options = textwrap::Options::new(80).word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(sentence, options) + "\n"
}

/// Creates a file, or says why not.
pub(crate) fn create(name: &Path) -> anyhow::Result<File> {
    File::create(name).with_context(|| format!("cannot write {}", name.display()))
}

/// Shows itself where standard error is a terminal. Its closure takes one step and names it.
pub(crate) fn progress(steps: usize) -> (ProgressBar, impl FnMut(String)) {
    let bar = ProgressBar::new(steps as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    let step = move |name| {
        shown.set_message(name);
        shown.inc(1);
    };
    (bar, step)
}
