//! A run of the lab.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::{fs, mem};

use anyhow::{Context, ensure};
use client::load::spare_threads;
use client::output_file::OutputFile;
use lab::kernel::loopback;
use lab::kernel::machine::{Machine, listen_overflows};
use lab::measure::lab::Lab;
use lab::models::{self, Contestant};
use lab::results::section::Section;
use lab::results::slide::slide;
use lab::results::{Results, csv};
use lab::serve::this_program;
use nix::sys::resource::{Resource, setrlimit};

use super::experiment::Common;
use super::interrupt;

/// A run of the lab: what it works with, and what it is to leave.
pub(super) struct Session {
    pub(super) lab: Lab,
    pub(super) machine: Machine,
    /// Which models are left out, and why.
    left_out: Vec<String>,
    json: Option<OutputFile>,
    csv: Option<OutputFile>,
    svg: Option<PathBuf>,
    overflows_before: u64,
}

impl Session {
    pub(super) fn begin(common: &Common, others: Vec<Contestant>) -> anyhow::Result<Self> {
        let Common { models, quick, seed, json, csv, svg } = common;
        let contestants = models::choose(models).map_err(anyhow::Error::msg)?;
        ensure!(!contestants.is_empty(), "--models names no model");
        let (contestants, left_out) = models::without_obstacles(contestants);
        ensure!(!contestants.is_empty(), left_out.join(" "));
        let contestants = contestants.into_iter().chain(others).collect();
        let program = this_program().context("cannot find this program")?;
        loopback::reach()
            .with_context(|| format!("127.0.0.1 cannot reach itself ({})", loopback::FIX))?;
        // Before the work, so that a mistake in a name does not cost all of it.
        let json = json.as_deref().map(OutputFile::create).transpose()?;
        let csv = csv.as_deref().map(OutputFile::create).transpose()?;
        let svg = svg.clone();
        if let Some(directory) = &svg {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
            OutputFile::create(&directory.join("1.svg"))?;
        }
        interrupt::watch()?;
        // Those who abort shall not leave their memory in the current directory.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        // Short enough to be typed again.
        let seed = seed.unwrap_or_else(|| fastrand::u64(..10_000));
        let lab = Lab { contestants, quick: *quick, seed, ..Lab::new(program) };
        let lab = without_those_that_fail(lab);
        let (machine, overflows_before) = (Machine::here(), listen_overflows());
        Ok(Session { lab, machine, left_out, json, csv, svg, overflows_before })
    }

    /// How many connections have overflowed a backlog since the start: each came a second late.
    fn overflows(&self) -> u64 {
        listen_overflows().saturating_sub(self.overflows_before)
    }

    /// What to know of the run beside its figures: who is not in it, the machine, and a warning if it is
    /// due.
    pub(super) fn facts(&self) -> Vec<String> {
        let machine = format!("{}; seed {}.", self.machine, self.lab.seed);
        let warning = self.warning();
        let stood_still = Duration::from_millis(self.lab.stood_still.load(Ordering::Relaxed));
        let stood_still = (!stood_still.is_zero()).then(|| {
            format!("The load stood still for {stood_still:.1?} in all, which is in no figure.")
        });
        let facts = self.left_out.iter().cloned().chain([machine]);
        facts.chain(stood_still).chain(warning).collect()
    }

    pub(super) fn warning(&self) -> Option<String> {
        let count = self.overflows();
        (count > 0).then(|| {
            format!(
                "{count} connections on this machine overflowed a backlog and came a second later. Where they \
                 were this run's, its rates are not to be trusted."
            )
        })
    }

    /// Writes results to the files that `--json` and `--csv` name, the first with what there is to know of the run, and
    /// the pictures of these sections to the directory that `--svg` names.
    pub(super) fn write<'a>(
        self,
        mut results: Results,
        sections: impl IntoIterator<Item = (&'a str, &'a Section)>,
    ) -> anyhow::Result<()> {
        let words = std::env::args_os().skip(1);
        let command: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
        results.note("arguments", command);
        results.note("quick", self.lab.quick);
        results.note("seed", self.lab.seed);
        results.note("load_threads", spare_threads());
        results
            .note("client_standstill_milliseconds", self.lab.stood_still.load(Ordering::Relaxed));
        results.note("machine", serde_json::to_value(&self.machine)?);
        results.note("listen_overflows", self.overflows());
        if let Some(file) = self.csv {
            file.write(&csv(&results.experiment, &results.rows))?;
        }
        if let Some(file) = self.json {
            file.write(&(serde_json::to_string_pretty(&results)? + "\n"))?;
        }
        self.svg.map_or(Ok(()), |directory| write_slides(&directory, sections))
    }
}

/// Writes the pictures of sections as slides, numbered as they come.
fn write_slides<'a>(
    directory: &Path,
    sections: impl IntoIterator<Item = (&'a str, &'a Section)>,
) -> anyhow::Result<()> {
    let mut count = 0;
    for (name, section) in sections {
        for (number, picture) in (1..).zip(&section.pictures) {
            let file = directory.join(format!("{name}-{number}.svg"));
            OutputFile::create(&file)?.write(&slide(picture))?;
            count += 1;
        }
    }
    if count == 0 {
        eprintln!("lab: there are no pictures of this for {}", directory.display());
    }
    Ok(())
}

/// Tries each server that is not ours once, and leaves out those that fail. That is said at once, before anything
/// is measured.
fn without_those_that_fail(mut lab: Lab) -> Lab {
    let contestants = mem::take(&mut lab.contestants);
    for contestant in contestants {
        let is_ours = contestant.foreign.is_none();
        let tried = || lab.open(&contestant).and_then(|it| lab.close(&contestant, it));
        match if is_ours { Ok(()) } else { tried() } {
            Ok(()) => lab.contestants.push(contestant),
            Err(error) => {
                eprintln!("lab: {error:#}; it is left out");
                lab.fail(&contestant, "any load", error.root_cause());
            }
        }
    }
    lab
}
