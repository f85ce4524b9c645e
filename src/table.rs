//! The table: a row a figure, a column a server, in 80 columns of a terminal.

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::comparison::{IDLE_CONNECTIONS, MANY_CLIENTS, WARM_CONNECTIONS};
use crate::results::{Measure, Results, Sample};

/// A row of the table: a heading, or a figure with its label and what one of its units is.
enum Row {
    Heading(String),
    Figure(&'static str, Measure, f64),
}

fn rows() -> Vec<Row> {
    use Row::{Figure, Heading};
    const KIB: f64 = 1024.0;
    const MS: f64 = 1000.0;
    vec![
        Heading(format!(
            "Connections: connect, one echo, Bye, end; {MANY_CLIENTS} clients at once"
        )),
        Figure("per s, 1 client", Measure::ConnectionsPerSecondOneClient, 1.0),
        Figure("per s, 32 clients", Measure::ConnectionsPerSecondManyClients, 1.0),
        Figure("median, ms", Measure::ConnectionLatencyMedianMicroseconds, MS),
        Figure("p99, ms", Measure::ConnectionLatencyP99Microseconds, MS),
        Figure("server CPU, µs", Measure::ServerCpuPerConnectionMicroseconds, 1.0),
        Figure("client CPU, µs", Measure::ClientCpuPerConnectionMicroseconds, 1.0),
        Heading(format!("Messages of 16 bytes over {WARM_CONNECTIONS} warm connections")),
        Figure("per second", Measure::MessagesPerSecond, 1.0),
        Figure("median, ms", Measure::MessageLatencyMedianMicroseconds, MS),
        Figure("p99, ms", Measure::MessageLatencyP99Microseconds, MS),
        Figure("server CPU, µs", Measure::ServerCpuPerMessageMicroseconds, 1.0),
        Figure("client CPU, µs", Measure::ClientCpuPerMessageMicroseconds, 1.0),
        Figure("clients served", Measure::AnsweredConnections, 1.0),
        Heading(format!("Memory per connection, {IDLE_CONNECTIONS} of them idle")),
        Figure("user (PSS), KiB", Measure::UserMemoryPerIdleConnectionBytes, KIB),
        Figure("kernel, KiB", Measure::KernelMemoryPerIdleConnectionBytes, KIB),
        Figure("clients served", Measure::ServedIdleConnections, 1.0),
    ]
}

/// The cells of the table with their labels, for a report: headings stand in the labels.
pub fn cells(results: &Results) -> Vec<(String, Vec<String>)> {
    let cells = rows().into_iter().map(|row| match row {
        Row::Heading(heading) => (heading, results.servers().map(|_| String::new()).collect()),
        Row::Figure(label, measure, unit) => {
            let cell = |sample: Option<&Sample>| {
                sample.map_or("n/a".to_owned(), |sample| with_spread(sample, unit))
            };
            (label.to_owned(), results.row(measure).map(cell).collect())
        }
    });
    cells.collect()
}

/// The table as text: medians over the rounds, each with its spread. Headings stand between the
/// groups of rows.
pub fn render(results: &Results) -> String {
    let mut text = String::new();
    let mut table = new_table(results);
    let mut body = Vec::new();
    for row in rows() {
        if let Row::Figure(label, measure, unit) = &row {
            let cells = results.row(*measure).map(|sample| cell(sample, *unit));
            table.add_row([Cell::new(format!("  {label}"))].into_iter().chain(cells));
        }
        body.push(row);
    }
    let lines = table.to_string();
    let mut lines = lines.lines().map(str::trim_end);
    text.extend(lines.next().map(|line| format!("{line}\n")));
    for row in body {
        match row {
            Row::Heading(heading) => text.push_str(&format!("{heading}\n")),
            Row::Figure(..) => text.extend(lines.next().map(|line| format!("{line}\n"))),
        }
    }
    text
}

fn new_table(results: &Results) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let right = |name| Cell::new(name).set_alignment(CellAlignment::Right);
    table.set_header([Cell::new("")].into_iter().chain(results.servers().map(right)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    table
}

fn cell(sample: Option<&Sample>, unit: f64) -> Cell {
    let text = sample.map_or("n/a".to_owned(), |sample| {
        let spread = match sample.spread_percent() {
            spread if spread > 99.0 => ">99%".to_owned(),
            spread => format!("±{spread:.0}%"),
        };
        format!(" {}{spread}", short(sample.median() / unit))
    });
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A table of one figure: a row a label, a column a model, in 80 columns. `corner` stands above the
/// labels.
pub fn grid<'a>(
    corner: &str,
    columns: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = (String, Vec<String>)>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let right = |text: &str| Cell::new(text).set_alignment(CellAlignment::Right);
    table.set_header([right(corner)].into_iter().chain(columns.into_iter().map(right)));
    for (label, cells) in rows {
        table.add_row([right(&label)].into_iter().chain(cells.iter().map(|cell| right(cell))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> =
        table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// A median with its spread, such as `12.5k ±3%`; `n/a` where nothing was measured.
pub fn with_spread(sample: &Sample, unit: f64) -> String {
    if sample.range().is_none() {
        return "n/a".to_owned();
    }
    format!("{} ±{:.0}%", short(sample.median() / unit), sample.spread_percent().min(999.0))
}

/// A number in three significant digits: `1.25`, `12.5`, `125`, `12.5k`.
pub fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 999_500.0 => (value / 1e6, "M"),
        size if size >= 999.5 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match value.abs() {
        size if value == value.trunc() && unit.is_empty() || size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::MODELS;

    #[test]
    fn numbers_keep_three_digits_and_no_more() {
        let written = [0.0, 0.512, 1.234, 9.999, 12.34, 99.97, 123.4, 999.7, 12_345.0, 1_234_567.0];
        let expected =
            ["0", "0.51", "1.23", "10.0", "12.3", "100", "123", "1.00k", "12.3k", "1.23M"];
        assert_eq!(written.map(short), expected);
    }

    #[test]
    fn the_table_of_all_models_fits_in_80_columns() {
        let mut results = Results::new(MODELS.iter().map(|model| model.name).chain(["floor"]));
        for row in rows() {
            let Row::Figure(_, measure, unit) = row else {
                continue;
            };
            for server in 0..MODELS.len() + 1 {
                results.push(server, measure, 12_345.0 * unit);
                results.push(server, measure, 15_432.0 * unit);
            }
        }
        let table = render(&results);
        let widest = table.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?} columns:\n{table}");
    }
}
