//! A section in a terminal, in 80 columns.

use std::iter;

use textwrap::WordSplitter;

use super::section::Section;
use super::table::{Table, explain_mark};

/// How wide the lab writes at most, and where nobody says how wide the terminal is.
const WIDTH: usize = 80;

/// How wide the terminal is that standard output is, up to what the lab makes use of.
pub fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(WIDTH, |(width, _)| usize::from(width.0).min(WIDTH))
}

/// The section in this many columns, its pictures and tables first.
pub fn render(section: &Section, facts: &[String], width: usize) -> String {
    let pictures = section.pictures.iter().filter_map(|picture| picture.text.clone());
    let pictures = pictures.map(|picture| with_warning(picture, width));
    let tables = section.tables.iter().map(|it| table(it, width));
    let parts: Vec<String> = pictures.chain(tables).collect();
    let mut text = parts.join("\n");
    let mark = explain_mark(&section.tables);
    let sentences: Vec<&String> = section.sentences.iter().chain(&mark).collect();
    if !sentences.is_empty() {
        text += "\n";
    }
    sentences.iter().for_each(|sentence| text += &wrapped(sentence, width));
    text += "\n";
    let method = [std::slice::from_ref(&section.method), facts].concat().join(" ");
    text + &wrapped(method.trim(), width)
}

/// A sentence in lines of this many columns, its dates and options whole.
fn wrapped(sentence: &str, width: usize) -> String {
    let options = textwrap::Options::new(width).word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(sentence, options) + "\n"
}

/// A sentence that begins in this column behind its label, and its further lines too.
pub fn labelled(label: &str, sentence: &str, column: usize, width: usize) -> String {
    let indent = " ".repeat(column);
    let options = textwrap::Options::new(width)
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    let text = textwrap::fill(sentence, options);
    format!("{label:<column$}{}\n", text.get(column..).unwrap_or_default())
}

/// The table as text, narrower where it would be too wide.
pub fn table(table: &Table, width: usize) -> String {
    let wide = lines(table, 2, &|cell| cell.to_owned());
    let lines = match wide.iter().any(|line| line.chars().count() > width) {
        true => lines(table, 1, &|cell| cell.replace(" ±", "±")),
        false => wide,
    };
    let around = |text: &str| if text.is_empty() { String::new() } else { wrapped(text, width) };
    let body = with_warning(lines.join("\n") + "\n", width);
    around(&table.caption) + &body + &around(&table.legend)
}

/// What cannot be wrapped, and in a narrower terminal a line that says how much it needs.
fn with_warning(text: String, width: usize) -> String {
    let needed = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    match needed > width {
        true => format!("({needed} columns are needed for what follows)\n{text}"),
        false => text,
    }
}

/// The lines of a table whose columns stand so far apart. Headings of rows take a line of their own.
fn lines(table: &Table, apart: usize, shown: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut grid = head(table);
    grid.extend(body(table, shown));
    let columns = grid.iter().map(Vec::len).max().unwrap_or(1);
    // A heading is wider than its column.
    let rows = || grid.iter().filter(|row| row.len() > 1);
    let width = |column: usize| {
        rows().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let is_right = |column| match column {
        0 => is_numeric(table),
        _ => is_of_numbers(table, column - 1),
    };
    let cell = |(column, text): (usize, &String)| match is_right(column) {
        true => format!("{text:>width$}", width = widths[column]),
        false => format!("{text:<width$}", width = widths[column]),
    };
    let line = |row: &Vec<String>| match row.as_slice() {
        [heading] => heading.clone(),
        cells => cells.iter().enumerate().map(cell).collect::<Vec<_>>().join(&" ".repeat(apart)),
    };
    grid.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

/// The headings of the columns, each from the top: a cell a column, a row a line.
fn head(table: &Table) -> Vec<Vec<String>> {
    let heads = || [table.corner].into_iter().chain(table.columns.iter().map(String::as_str));
    let height = heads().map(|head| head.lines().count()).max().unwrap_or(1).max(1);
    let cell = |head: &str, line| head.lines().nth(line).unwrap_or("").to_owned();
    (0..height).map(|line| heads().map(|head| cell(head, line)).collect()).collect()
}

/// The rows, with each label once, where it stands first.
fn body(table: &Table, shown: &dyn Fn(&str) -> String) -> Vec<Vec<String>> {
    let mut last = "";
    let row = |(label, cells): &(String, Vec<String>)| {
        iter::once(label.clone()).chain(cells.iter().map(|it| shown(it))).collect()
    };
    let mut rows: Vec<Vec<String>> = table.rows.iter().map(row).collect();
    for (row, (label, _)) in rows.iter_mut().zip(&table.rows) {
        if label == last {
            row[0].clear();
        }
        last = if row.len() == 1 { "" } else { label };
    }
    rows
}

/// Whether a column holds numbers, and so stands to the right.
fn is_of_numbers(table: &Table, column: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|(_, cells)| cells.get(column));
    cells.all(|cell| {
        cell.starts_with(|first: char| first.is_ascii_digit() || "(*>-".contains(first))
    })
}

/// Whether the labels are numbers.
fn is_numeric(table: &Table) -> bool {
    table.rows.iter().all(|(label, _)| label.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, cells: &[&str]) -> (String, Vec<String>) {
        (label.to_owned(), cells.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn numbers_stand_to_the_right_words_to_the_left_and_headings_alone() {
        let rows = vec![
            row("The first", &[]),
            row("fork", &["1.5", "yes"]),
            row("fork", &["12.5", "no"]),
            row("The second", &[]),
            row("pool", &["-", "yes"]),
        ];
        let columns = ["per s", "all"].map(str::to_owned).into();
        let expected = [
            "      per s  all",
            "The first",
            "fork    1.5  yes",
            "       12.5  no",
            "The second",
            "pool      -  yes",
        ];
        let text = table(&Table { columns, rows, ..Table::default() }, WIDTH);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_label_stands_once_and_again_below_the_next_heading() {
        let rows = vec![
            row("idle", &[]),
            row("fork", &["1"]),
            row("fork", &["2"]),
            row("busy", &[]),
            row("fork", &["3"]),
        ];
        let columns = vec!["per\nclient".to_owned()];
        let text = table(&Table { columns, rows, ..Table::default() }, WIDTH);
        let expected = [
            "         per",
            "      client",
            "idle",
            "fork       1",
            "           2",
            "busy",
            "fork       3",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_table_that_would_be_too_wide_stands_closer() {
        let cells =
            ["12.3k ±99%", "12.3k ±99%", "12.3k ±99%", "12.3k ±9%", "*12.3k ±9%", "*12.3k ±9%"];
        let columns = vec!["iterative".to_owned(); 6];
        let rows = vec![row("per s, 32 clients", &cells)];
        let text = table(&Table { columns, rows, ..Table::default() }, WIDTH);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("*12.3k±9%"), "{text}");
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_prose_and_a_word_on_what_is_wide() {
        let columns = vec!["a rather long heading".to_owned(); 3];
        let rows = vec![row("fork", &["1", "2", "3"])];
        let section = Section {
            sentences: vec!["A sentence that is longer than forty columns is wrapped.".to_owned()],
            tables: vec![Table { columns, rows, ..Table::default() }],
            ..Section::default()
        };
        let text = render(&section, &[], 40);
        assert!(text.starts_with("(70 columns are needed for what follows)\n"), "{text}");
        let prose = text.lines().skip_while(|line| !line.starts_with("A sentence"));
        assert!(prose.clone().count() > 2 && prose.clone().all(|line| line.len() <= 40), "{text}");
    }
}
