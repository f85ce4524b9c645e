//! The report: one file, nothing loaded from elsewhere, no script. It is read on a projector, in
//! light and dark, and printed.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::section::{Section, Table, explain_mark};
use crate::instruments::machine::Machine;

const STYLE: &str = include_str!("style.css");

/// A section in its place: its name in links and files, its heading, and the command that measures
/// it alone.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it shows.
    pub section: Section,
    /// The command.
    pub command: String,
}

/// A report to be written.
#[derive(Clone, Debug)]
pub struct Report {
    /// What everything was measured on, and when.
    pub machine: Machine,
    /// The command that made it.
    pub command: String,
    /// What to know before trusting it.
    pub warning: Option<String>,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// The whole page.
pub fn page(report: &Report) -> String {
    let title = "One server, many ways to serve many clients";
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    (machine(report))
                    nav { ul {
                        @for part in &report.parts { li { a href={ "#" (part.name) } { (part.title) } } }
                    } }
                    @for it in &report.parts { (part(it)) }
                }
            }
        }
    };
    page.into_string()
}

fn machine(report: &Report) -> Markup {
    let machine = &report.machine;
    let facts = [
        ("CPU", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("memory", format!("{:.0} GiB", machine.memory_gib)),
        ("kernel", machine.kernel.clone()),
        ("limits", machine.limits()),
        ("date", machine.date.clone()),
        ("made by", report.command.clone()),
    ];
    let warning = report.warning.clone().map(|warning| ("warning", warning));
    html! {
        dl.machine {
            @for (name, fact) in facts.into_iter().chain(warning) { dt { (name) } dd { (fact) } }
        }
    }
}

fn part(Part { name, title, section, command }: &Part) -> Markup {
    let sentences = section.sentences.iter().cloned().chain(explain_mark(&section.tables));
    html! {
        section id=(name) {
            h2 { (title) }
            p.scrolls { "Pictures and tables are wider than this window: they scroll sideways." }
            ul.findings { @for sentence in sentences { li { (sentence) } } }
            div.pictures {
                @for picture in &section.pictures {
                    figure {
                        (PreEscaped(&picture.svg))
                        @if !picture.caption.is_empty() { figcaption { (picture.caption) } }
                    }
                }
            }
            @for it in &section.tables { (table(it)) }
            p.method { (section.method) " " code { (command) } }
        }
    }
}

/// A table, in a box that scrolls where the window is narrow.
pub fn table(table: &Table) -> Markup {
    html! {
        div.table {
            table {
                @if !table.caption.is_empty() { caption { (table.caption) } }
                thead { tr {
                    th { (table.corner) }
                    @for column in &table.columns { th { (column) } }
                } }
                tbody { @for (label, cells) in &table.rows { tr {
                    @if cells.is_empty() {
                        th.group colspan=(table.columns.len() + 1) { (label) }
                    } @else {
                        th { (label) }
                        @for cell in cells { td { (cell) } }
                    }
                } } }
            }
        }
        @if !table.legend.is_empty() { p.method { (table.legend) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stands_alone_and_says_what_it_was_measured_on() {
        let table = Table {
            caption: "a <caption>".to_owned(),
            columns: vec!["fork".to_owned()],
            rows: vec![("a row".to_owned(), vec!["*1.00 ±2%".to_owned()])],
            ..Table::default()
        };
        let sentences = vec!["fork & thread".to_owned()];
        let section = Section { sentences, tables: vec![table], ..Section::default() };
        let command = "cargo run".to_owned();
        let part = Part { name: "part", title: "A part", section, command };
        let (machine, warning) = (Machine::here(), Some("3 connections".to_owned()));
        let report = Report { machine, command: "lab".to_owned(), warning, parts: vec![part] };
        let html = page(&report);
        let marked = "may be the bottleneck";
        for part in
            ["a &lt;caption&gt;", "fork &amp; thread", "1.00 ±2%", "3 connections", "#part", marked]
        {
            assert!(html.contains(part), "{part:?} is missing");
        }
        for foreign in ["<script", "http://", "https://", "url(", "@import", "<link"] {
            assert!(!html.contains(foreign), "{foreign:?} in the page");
        }
    }
}
