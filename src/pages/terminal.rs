//! A section in a terminal, in 80 columns.

use comfy_table::{CellAlignment, Table as Grid, presets};
use textwrap::WordSplitter;

use super::section::{Section, Table, explain_mark};

/// How wide a terminal is at least.
const WIDTH: usize = 80;

/// The section, its pictures and tables first.
pub fn render(section: &Section, facts: &[String]) -> String {
    let pictures = section.pictures.iter().filter_map(|picture| picture.text.clone());
    let parts: Vec<String> = pictures.chain(section.tables.iter().map(table)).collect();
    let mut text = parts.join("\n") + "\n";
    let mark = explain_mark(&section.tables);
    section.sentences.iter().chain(&mark).for_each(|sentence| text += &wrapped(sentence));
    text += "\n";
    let method = [std::slice::from_ref(&section.method), facts].concat().join(" ");
    text + &wrapped(method.trim())
}

/// A sentence in lines of 80 columns, its dates and options whole.
pub fn wrapped(sentence: &str) -> String {
    let options = textwrap::Options::new(WIDTH).word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(sentence, options) + "\n"
}

/// The table as text, narrower where it would be too wide.
pub fn table(table: &Table) -> String {
    let wide = lines(table, 2, &|cell| cell.to_owned());
    let lines = match wide.iter().any(|line| line.chars().count() > WIDTH) {
        true => lines(table, 1, &|cell| cell.replace(" ±", "±")),
        false => wide,
    };
    let around = |text: &str| if text.is_empty() { String::new() } else { wrapped(text) };
    around(&table.caption) + &lines.join("\n") + "\n" + &around(&table.legend)
}

/// The lines of a table whose columns stand so far apart. Headings of rows take a line of their own.
fn lines(table: &Table, apart: u16, shown: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header([table.corner].into_iter().chain(table.columns.iter().map(String::as_str)));
    let mut last = "";
    for (label, cells) in table.rows.iter().filter(|(_, cells)| !cells.is_empty()) {
        let label = if *label == last {
            ""
        } else {
            last = label;
            label
        };
        grid.add_row([label.to_owned()].into_iter().chain(cells.iter().map(|it| shown(it))));
    }
    for (index, column) in grid.column_iter_mut().enumerate() {
        column.set_padding((0, apart));
        if index > 0 && is_of_numbers(table, index - 1) || index == 0 && is_numeric(table) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = grid.to_string();
    let mut lines = text.lines().map(|line| line.trim_end().to_owned());
    let head = lines.next();
    let headings = table.rows.iter().map(|(label, cells)| (label, cells.is_empty()));
    let body = headings.filter_map(|(label, is_heading)| match is_heading {
        true => Some(label.clone()),
        false => lines.next(),
    });
    head.into_iter().chain(body).collect()
}

/// Whether a column holds numbers, and so stands to the right.
fn is_of_numbers(table: &Table, column: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|(_, cells)| cells.get(column));
    cells
        .all(|cell| cell.starts_with(|first: char| first.is_ascii_digit() || "*>-".contains(first)))
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
        let text = table(&Table { columns, rows, ..Table::default() });
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_table_that_would_be_too_wide_stands_closer() {
        let cells =
            ["12.3k ±99%", "12.3k ±99%", "12.3k ±99%", "12.3k ±9%", "*12.3k ±9%", "*12.3k ±9%"];
        let columns = vec!["iterative".to_owned(); 6];
        let rows = vec![row("per s, 32 clients", &cells)];
        let text = table(&Table { columns, rows, ..Table::default() });
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("*12.3k±9%"), "{text}");
    }
}
