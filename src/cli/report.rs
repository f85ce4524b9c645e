//! `lab report`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lab::comparison;
use lab::machine::Machine;
use lab::report::{self, Report, Section};
use lab::results::Results;
use serde::Serialize;

use super::{Run, compare, crash, create, growth, overload, scale, timeline};

#[derive(clap::Args)]
pub(crate) struct Command {
    /// Where to write the page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,

    /// Write the tables and pictures where the book includes them, too
    #[arg(long)]
    book: bool,

    /// Where that is
    #[arg(long, value_name = "DIRECTORY", default_value = "book/src/figures", requires = "book")]
    book_directory: PathBuf,
}

pub(crate) fn run(mut run: Run, command: &Command) -> anyhow::Result<()> {
    let mut file = create(&command.out)?;
    let options = run.options();
    let figures = Figures::measure(&run)?;
    run.write(&figures)?;
    let mut sections = figures.sections()?;
    for section in &mut sections {
        // The comparison alone has no subcommand.
        let separator =
            if section.command.contains(" -- ") || options.is_empty() { "" } else { " --" };
        section.command += &format!("{separator}{options}");
    }
    let report = Report {
        machine: run.machine.clone(),
        command: format!("cargo run --release -- report{options}"),
        overflows: run.overflows(),
        sections,
    };
    file.write_all(report::page(&report).as_bytes()).context("cannot write the page")?;
    if command.book {
        write_for_the_book(&command.book_directory, &report).with_context(|| {
            format!("cannot write the book's figures to {}", command.book_directory.display())
        })?;
    }
    println!("{}", command.out.display());
    Ok(())
}

/// All that is measured, as `--json` writes it.
#[derive(Serialize)]
struct Figures {
    machine: Machine,
    #[serde(skip)]
    comparison_plan: comparison::Plan,
    comparison: Results,
    #[serde(skip)]
    scale_plan: lab::scale::Plan,
    scale: Vec<lab::scale::Curve>,
    memory: growth::Figures,
    timeline: timeline::Figures,
    overload: Vec<lab::overload::Curve>,
    crash: Vec<lab::crash::Observation>,
}

impl Figures {
    fn measure(run: &Run) -> anyhow::Result<Self> {
        let comparison_plan = compare::plan(run);
        let scale_plan = scale::plan(run, &[]);
        let overload_command = overload::Command::usual();
        Ok(Figures {
            machine: run.machine.clone(),
            comparison: compare::measure(&comparison_plan).context("comparison")?,
            comparison_plan,
            scale: scale::measure(run, &scale_plan).context("scale")?,
            scale_plan,
            memory: growth::measure(run, &growth::Command::usual()).context("memory")?,
            timeline: timeline::play(run, timeline::usual(run)).context("timeline")?,
            overload: overload::measure(run, &overload_command).context("overload")?,
            crash: crash::play(run).context("crash")?,
        })
    }

    fn sections(&self) -> anyhow::Result<Vec<Section>> {
        let growth::Figures { idle_connections, fork_with_ballast } = &self.memory;
        let method = growth::METHOD.to_owned();
        Ok(vec![
            report::comparison(&self.comparison, compare::method(&self.comparison_plan)),
            report::timeline(&self.timeline.plan, &self.timeline.panels),
            report::scale(&self.scale, scale::method(&self.scale_plan))?,
            report::growth(idle_connections, fork_with_ballast, method)?,
            report::overload(&self.overload, overload::method())?,
            report::crash(&self.crash),
        ])
    }
}

/// Each picture and each table in a file of its own, numbered within its section, and with the
/// tables what they were measured on.
fn write_for_the_book(directory: &Path, report: &Report) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    let source = format!("`{}` on {}\n", report.command, report.machine);
    fs::write(directory.join("measured.md"), &source)?;
    for section in &report.sections {
        let name = section.name;
        for (number, picture) in section.pictures.iter().enumerate() {
            // The book puts it into its pages, and gives it their colours.
            fs::write(directory.join(format!("{name}-{}.svg", number + 1)), &picture.svg)?;
        }
        for (number, table) in section.tables.iter().enumerate() {
            let text = format!("{}\n{source}", report::table_html(table));
            fs::write(directory.join(format!("{name}-{}.md", number + 1)), text)?;
        }
        let findings = format!("{}\n\n{source}", section.sentences.join("\n\n"));
        fs::write(directory.join(format!("{name}.md")), findings)?;
    }
    Ok(())
}
