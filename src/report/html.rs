//! The page: one file, nothing loaded from elsewhere, no script. It is read on a projector, in
//! light and dark, and printed.

use std::fmt::Write;

use super::{Report, Section, Table};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(report: &Report) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>One server, five ways</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>One server, five ways to serve many clients</h1>\n"
    );
    html += &machine(report);
    html += "<nav><ul>\n";
    for section in &report.sections {
        let _ = writeln!(html, "<li><a href=\"#{}\">{}</a></li>", section.name, section.title);
    }
    html += "</ul></nav>\n";
    report.sections.iter().for_each(|section| html += &part(section));
    html + "</main>\n</body>\n</html>\n"
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let mut facts = vec![
        ("CPU", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("memory", format!("{:.0} GiB", machine.memory_gib)),
        ("kernel", machine.kernel.clone()),
        ("limits", machine.limits()),
        ("date", machine.date.clone()),
        ("made by", report.command.clone()),
    ];
    if report.overflows > 0 {
        let warning = format!(
            "{} connections overflowed a backlog and came a second later: the rates are not to be \
             trusted",
            report.overflows
        );
        facts.push(("warning", warning));
    }
    let rows =
        facts.iter().map(|(name, fact)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(fact)));
    format!("<dl class=\"machine\">\n{}</dl>\n", rows.collect::<String>())
}

fn part(section: &Section) -> String {
    let Section { name, title, sentences, pictures, tables, method, command } = section;
    let mut html = format!("<section id=\"{name}\">\n<h2>{title}</h2>\n<ul class=\"findings\">\n");
    for sentence in sentences {
        let _ = writeln!(html, "<li>{}</li>", escape(sentence));
    }
    html += "</ul>\n<div class=\"pictures\">\n";
    for picture in pictures {
        let caption = escape(&picture.caption);
        let _ =
            writeln!(html, "<figure>{}<figcaption>{caption}</figcaption></figure>", picture.svg);
    }
    html += "</div>\n";
    tables.iter().for_each(|table| html += &table_html(table));
    let (method, command) = (escape(method), escape(command));
    html + &format!("<p class=\"method\">{method} <code>{command}</code></p>\n</section>\n")
}

/// A table, in a box that scrolls where the window is narrow.
pub fn table_html(table: &Table) -> String {
    let mut html = format!(
        "<div class=\"table\"><table>\n<caption>{}</caption>\n<thead><tr><th>{}</th>",
        escape(&table.caption),
        table.corner
    );
    for column in &table.columns {
        let _ = write!(html, "<th>{}</th>", escape(column));
    }
    html += "</tr></thead>\n<tbody>\n";
    for (label, cells) in &table.rows {
        if cells.iter().all(String::is_empty) {
            let columns = cells.len() + 1;
            let label = escape(label);
            let _ =
                writeln!(html, "<tr><th colspan=\"{columns}\" class=\"group\">{label}</th></tr>");
            continue;
        }
        let _ = write!(html, "<tr><th>{}</th>", escape(label));
        for cell in cells {
            let _ = write!(html, "<td>{}</td>", escape(cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table></div>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn the_page_stands_alone_and_says_what_it_was_measured_on() {
        let table = Table {
            caption: "a <caption>".to_owned(),
            corner: "",
            columns: vec!["fork".to_owned()],
            rows: vec![("a row".to_owned(), vec!["1.00 ±2%".to_owned()])],
        };
        let section = Section {
            name: "part",
            title: "A part",
            sentences: vec!["fork & thread".to_owned()],
            pictures: Vec::new(),
            tables: vec![table],
            method: "Once.".to_owned(),
            command: "cargo run".to_owned(),
        };
        let machine = Machine::here();
        let sections = vec![section];
        let report = Report { machine, command: "lab".to_owned(), overflows: 3, sections };
        let html = page(&report);
        for part in ["a &lt;caption&gt;", "fork &amp; thread", "1.00 ±2%", "3 connections", "#part"]
        {
            assert!(html.contains(part), "{part:?} is missing");
        }
        for foreign in ["<script", "http://", "https://", "url(", "@import", "<link"] {
            assert!(!html.contains(foreign), "{foreign:?} in the page");
        }
    }
}
