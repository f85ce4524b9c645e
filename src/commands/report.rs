//! `lab report`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::builder::PossibleValuesParser;
use client::output_file::OutputFile;
use lab::experiments::files::quoted;
use lab::experiments::{self, parts};
use lab::kernel::machine::{IS_OPTIMISED, NOT_OPTIMISED};
use lab::measure::lab::Lab;
use lab::models;
use lab::recording::Recording;
use lab::results::Results;

use super::{Common, Session, announce};

mod html;

use html::{Part, Report};

#[derive(clap::Args)]
pub(super) struct Options {
    /// Where to write the page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,

    /// Only these parts of it
    #[arg(long, value_name = "PART,PART", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(parts().into_iter().map(|part| part.name)))]
    only: Vec<String>,

    /// Also write the tables and pictures to the files that the book includes
    #[arg(long)]
    book: bool,

    /// Where that is
    #[arg(long, value_name = "DIRECTORY", default_value = "book/src/figures", requires = "book")]
    book_directory: PathBuf,
}

/// Conducts all experiments as usual, or those that are asked for.
pub(super) fn run(common: &Common, options: &Options) -> anyhow::Result<()> {
    let page = OutputFile::create(&options.out)?;
    let session = Session::begin(common, Vec::new())?;
    let is_wanted = |name| options.only.is_empty() || options.only.iter().any(|it| it == name);
    let all: Vec<_> = parts().into_iter().filter(|part| is_wanted(part.name)).collect();
    let prepare = |it: &experiments::Part| it.experiment.prepare(&session.lab);
    announce("all of it", all.iter().map(prepare).sum::<anyhow::Result<Duration>>()?);
    let (mut parts, mut results) = (Vec::new(), Results::new("report", Vec::new()));
    for (place, part) in all.iter().enumerate() {
        let of_all = format!("{} of {}", place + 1, all.len());
        let lab = Lab { part: of_all, ..session.lab.clone() };
        announce(&format!("{}, {}", lab.part, part.name), prepare(part)?);
        let (found, section) = part.experiment.conduct(&lab).context(part.name)?;
        results.add_part(part.name, found);
        let command = command(&[&[part.experiment.name()], part.arguments].concat(), common);
        parts.push(Part { name: part.name, title: part.title, section, command });
    }
    let not_optimised = (!IS_OPTIMISED).then(|| NOT_OPTIMISED.to_owned());
    let warnings: Vec<String> = not_optimised.into_iter().chain(session.warning()).collect();
    let (machine, seed) = (session.machine.clone(), session.lab.seed);
    let report = Report { machine, seed, command: command(&["report"], common), warnings, parts };
    session.write(results, report.parts.iter().map(|part| (part.name, &part.section)))?;
    page.write(&html::page(&report))?;
    if options.book {
        write_for_the_book(&options.book_directory, &report).with_context(|| {
            format!("cannot write the book's figures to {}", options.book_directory.display())
        })?;
    }
    super::print_measured(&format!("{}\n", options.out.display()))
}

/// The command that measures something alone, with the options that the report was given.
fn command(words: &[&str], common: &Common) -> String {
    let models = match common.models == models::names() {
        true => None,
        false => Some(format!("--models {}", quoted(&common.models.join(",")))),
    };
    let quick = common.quick.then(|| "--quick".to_owned());
    let words = words.iter().map(|word| (*word).to_owned());
    let seed = common.seed.map(|seed| format!("--seed {seed}"));
    let words: Vec<String> = words.chain(models).chain(quick).chain(seed).collect();
    format!("cargo run --release -- {}", words.join(" "))
}

/// Each picture and each table in a file of its own, numbered within its section, and with the
/// tables what they were measured on: those that a page of the book includes, and no others.
fn write_for_the_book(directory: &Path, report: &Report) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let pages = pages_beside(directory)?;
    let is_shown = |name: &str| pages.contains(&format!("figures/{name}}}}}"));
    let write = |name: &str, text: &str| match is_shown(name) {
        true => OutputFile::create(&directory.join(name))?.write(text),
        false => Ok(()),
    };
    let source = format!("`{}` on {}; seed {}\n", report.command, report.machine, report.seed);
    for Part { name, section, .. } in &report.parts {
        for (number, picture) in (1..).zip(&section.pictures) {
            // The book puts it into its pages, and gives it their colours.
            write(&format!("{name}-{number}.svg"), &picture.svg)?;
        }
        for (number, table) in (1..).zip(&section.tables) {
            let text = format!("{}\n\n{source}", html::table(table));
            write(&format!("{name}-{number}.md"), &text)?;
        }
        if let Some(recording) = &section.recording {
            let mut recording = recording.clone();
            recording.head.command.clone_from(&report.command);
            write(&format!("{name}.jsonl"), &in_a_page(&recording)?)?;
            for server in &recording.head.servers {
                let file = format!("{name}-{}.jsonl", file_name(&server.name));
                write(&file, &in_a_page(&recording.only(&server.name))?)?;
            }
        }
        let findings = section.sentences.join("\n\n");
        let folded =
            format!("<details>\n<summary>In words</summary>\n\n{findings}\n\n</details>\n");
        // Below a table it has been said.
        let is_said = (1..=section.tables.len()).any(|it| is_shown(&format!("{name}-{it}.md")));
        let source = if is_said { String::new() } else { format!("\n{source}") };
        write(&format!("{name}.md"), &(folded + &source))?;
    }
    Ok(())
}

/// A server's name as a part of a file's: letters and digits, joined by `-`.
fn file_name(server: &str) -> String {
    let words = server.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The lines of a recording, in which no text can end the element that it stands in.
fn in_a_page(recording: &Recording) -> serde_json::Result<String> {
    Ok(recording.lines()?.replace('<', "\\u003c"))
}

/// The text of all pages of the book whose figures are in this directory.
fn pages_beside(directory: &Path) -> io::Result<String> {
    let mut pages = String::new();
    for entry in fs::read_dir(directory.parent().unwrap_or(directory))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages += &fs::read_to_string(path)?;
        }
    }
    Ok(pages)
}
