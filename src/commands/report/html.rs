//! The report: one file, nothing loaded from elsewhere, no script. It is read on a projector, in
//! light and dark, and printed.

use std::iter;

use lab::kernel::machine::Machine;
use lab::results::markup::escaped;
use lab::results::section::{Picture, Section};
use lab::results::table::{Table, explain_mark};

const STYLE: &str = include_str!("style.css");

/// A section in its place: its name in links and files, its heading, and the command that measures
/// it alone.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Part {
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
pub(in crate::commands) struct Report {
    /// What everything was measured on, and when.
    pub machine: Machine,
    /// What the order of the rounds followed from.
    pub seed: u64,
    /// The command that made it.
    pub command: String,
    /// What to know before trusting it.
    pub warnings: Vec<String>,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// The whole page.
pub(in crate::commands) fn page(report: &Report) -> String {
    let title = "One server, many ways to serve many clients";
    let link = |it: &Part| format!("<li><a href=\"#{}\">{}</a></li>", it.name, escaped(it.title));
    let links: String = report.parts.iter().map(link).collect();
    let parts: String = report.parts.iter().map(part).collect();
    let machine = machine(report);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{machine}<nav><ul>{links}</ul></nav>\n{parts}</main>\n</body>\n</html>\n"
    )
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let kind = if machine.is_virtual { " of a virtual machine" } else { "" };
    let cpu = format!("{}, {} cores{kind}", machine.cpu, machine.cores);
    let facts = [
        ("CPU", cpu),
        ("memory", format!("{:.0} GiB", machine.memory_gib)),
        ("kernel", machine.kernel.clone()),
        ("limits", machine.limits()),
        ("date", machine.date.clone()),
        ("seed", report.seed.to_string()),
        ("made by", report.command.clone()),
    ];
    let warnings = report.warnings.iter().map(|warning| ("warning", warning.clone()));
    let fact = |(name, fact): (&str, String)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(&fact));
    let facts: String = facts.into_iter().chain(warnings).map(fact).collect();
    format!("<dl class=\"machine\">{facts}</dl>\n")
}

fn part(Part { name, title, section, command }: &Part) -> String {
    let sentences = section.sentences.iter().cloned().chain(explain_mark(&section.tables));
    let sentences: String = sentences.map(|it| format!("<li>{}</li>", escaped(&it))).collect();
    let pictures: String = section.pictures.iter().map(figure).collect();
    let tables: String = section.tables.iter().map(table).collect();
    let (title, method, command) = (escaped(title), escaped(&section.method), escaped(command));
    format!(
        "<section id=\"{name}\">\n<h2>{title}</h2>\n<p class=\"scrolls\">Pictures and tables are \
         wider than this window: they scroll sideways.</p>\n<ul class=\"findings\">{sentences}</ul>\n\
         <div class=\"pictures\">{pictures}</div>\n{tables}\
         <p class=\"method\">{method} <code>{command}</code></p>\n</section>\n"
    )
}

fn figure(Picture { svg, caption, .. }: &Picture) -> String {
    let caption = match caption.is_empty() {
        true => String::new(),
        false => format!("<figcaption>{}</figcaption>", escaped(caption)),
    };
    format!("<figure>{svg}{caption}</figure>")
}

/// A table, in a box that scrolls where the window is narrow.
pub(in crate::commands) fn table(table: &Table) -> String {
    let caption = match table.caption.is_empty() {
        true => String::new(),
        false => format!("<caption>{}</caption>", escaped(&table.caption)),
    };
    let heads = iter::once(table.corner).chain(table.columns.iter().map(String::as_str));
    let heads: String = heads.map(|it| format!("<th>{}</th>", escaped(it))).collect();
    let row = |(label, cells): &(String, Vec<String>)| row(table, label, cells);
    let rows: String = table.rows.iter().map(row).collect();
    let legend = match table.legend.is_empty() {
        true => String::new(),
        false => format!("<p class=\"method\">{}</p>", escaped(&table.legend)),
    };
    format!(
        "<div class=\"table\"><table>{caption}<thead><tr>{heads}</tr></thead>\
         <tbody>{rows}</tbody></table></div>{legend}"
    )
}

/// A row of cells, or without any the heading of the rows below it.
fn row(table: &Table, label: &str, cells: &[String]) -> String {
    let label = escaped(label);
    if cells.is_empty() {
        let width = table.columns.len() + 1;
        return format!("<tr><th class=\"group\" colspan=\"{width}\">{label}</th></tr>");
    }
    let cells: String = cells.iter().map(|it| format!("<td>{}</td>", escaped(it))).collect();
    format!("<tr><th>{label}</th>{cells}</tr>")
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
        let (machine, warnings) = (Machine::here(), vec!["3 connections".to_owned()]);
        let report =
            Report { machine, seed: 7, command: "lab".to_owned(), warnings, parts: vec![part] };
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
