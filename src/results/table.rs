//! Tables of what was measured: a row for each value on one axis, a column for each figure or each value on
//! another.

use client::load::BUSY;

use super::number::{NOTHING, counted, with_spread};
use super::{Coordinate, Figure, PER_SECOND, View};

/// A table with its caption.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows; empty where the section's title says that.
    pub caption: String,
    /// What stands above the labels of the rows.
    pub corner: &'static str,
    /// The headings of the other columns, in several lines where they are long.
    pub columns: Vec<String>,
    /// A label and its cells. A label without cells is the heading of the rows below it.
    pub rows: Vec<(String, Vec<String>)>,
    /// What the headings mean, where they are too short to say it.
    pub legend: String,
}

impl Table {
    /// One with these columns and no rows yet.
    pub fn empty(caption: impl Into<String>, columns: &[Column<'_>]) -> Self {
        let columns = columns.iter().map(|column| column.heading.clone()).collect();
        Table { caption: caption.into(), columns, ..Table::default() }
    }

    /// One with these columns and a row for each of `rows`, whose view the cells are made from.
    pub fn of<'a, L: ToString>(
        caption: impl Into<String>,
        rows: impl IntoIterator<Item = (L, View<'a>)>,
        columns: &[Column<'_>],
    ) -> Self {
        Table::empty(caption, columns).and(rows, columns)
    }

    /// The same with further rows.
    #[must_use]
    pub fn and<'a, L: ToString>(
        mut self,
        rows: impl IntoIterator<Item = (L, View<'a>)>,
        columns: &[Column<'_>],
    ) -> Self {
        let cells = |view: &View<'_>| columns.iter().map(|column| (column.cell)(view)).collect();
        self.rows.extend(rows.into_iter().map(|(label, view)| (label.to_string(), cells(&view))));
        self
    }

    /// The same with a heading for the rows that follow.
    #[must_use]
    pub fn headed(mut self, heading: impl Into<String>) -> Self {
        self.rows.push((heading.into(), Vec::new()));
        self
    }
}

/// A column: its heading, and what it shows of each row.
pub struct Column<'c> {
    heading: String,
    cell: Box<dyn Fn(&View<'_>) -> String + 'c>,
}

impl<'c> Column<'c> {
    /// One whose cells `cell` makes.
    pub fn new(heading: impl ToString, cell: impl Fn(&View<'_>) -> String + 'c) -> Self {
        Column { heading: heading.to_string(), cell: Box::new(cell) }
    }

    /// A figure's median and spread, where `scale` of its unit are one of the table's.
    pub fn figure<T>(heading: impl ToString, figure: &Figure<T>, scale: f64) -> Self {
        let name = figure.name;
        Column::new(heading, move |view| median(view, name, scale))
    }

    /// A figure that counts things, as it was counted.
    pub fn count<T>(heading: impl ToString, figure: &Figure<T>) -> Self {
        let name = figure.name;
        Column::new(heading, move |view| view.sample(name).map_or(NOTHING.to_owned(), counted))
    }

    /// The same in brackets where that is so: a figure that is not that of the others.
    #[must_use]
    pub fn in_brackets_where(self, is_so: impl Fn(&View<'_>) -> bool + 'c) -> Column<'c> {
        let cell = self.cell;
        Column::new(self.heading, move |view| match is_so(view) {
            true => format!("({})", cell(view)),
            false => cell(view),
        })
    }

    /// The same of the rows that have this coordinate too.
    #[must_use]
    pub fn at(self, axis: &'static str, value: impl Into<Coordinate>) -> Column<'c> {
        let (value, cell) = (value.into(), self.cell);
        Column::new(self.heading, move |view| cell(&view.at(axis, &value)))
    }
}

/// What marks a rate that the load may have held down.
const MARK: &str = "*";

/// Whether the load used so much of its CPU that it may have been the bottleneck: the rule of `client load`.
pub fn is_held_down(view: &View<'_>) -> bool {
    view.median(CLIENT_CPU).is_some_and(|percent| percent >= BUSY * 100.0)
}

/// The figure that decides on the mark: what the load itself used of the CPUs that its threads can use,
/// in percent.
pub const CLIENT_CPU: &str = "client CPU";

/// A figure's median and spread. A rate is marked where the load held it down.
pub fn median(view: &View<'_>, figure: &str, scale: f64) -> String {
    let Some(row) = view.row(figure) else { return NOTHING.to_owned() };
    let text = with_spread(&row.rounds, scale);
    if row.unit == PER_SECOND && is_held_down(view) { format!("{MARK}{text}") } else { text }
}

/// What the mark means, where a table has it.
pub fn explain_mark(tables: &[Table]) -> Option<String> {
    let mut cells = tables.iter().flat_map(|table| &table.rows).flat_map(|(_, cells)| cells);
    cells.any(|cell| cell.starts_with(MARK)).then(|| {
        format!(
            "{MARK} The load used {:.0} % or more of the CPUs that its threads can use for these rates: it may be \
             the bottleneck, and the server could do more.",
            BUSY * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Place, Results, Server, figure};

    const RATE: Figure<f64> = figure("rate", PER_SECOND, |it| Some(*it));
    const LOAD: Figure<f64> = figure(CLIENT_CPU, "%", |_| Some(99.0));
    const COUNT: Figure<f64> = figure("count", "", |it| Some(*it));

    #[test]
    fn axes_become_rows_and_columns_and_a_rate_that_the_load_held_down_is_marked() {
        let server = |name: &str| Server { name: name.to_owned(), colour: String::new() };
        let mut results = Results::new("test", ["pool", "fork"].map(server).into());
        let place = |name: &str, clients: usize| Place::of(name).with("clients", clients);
        results.add(&place("fork", 1), &[RATE, COUNT], &3.0);
        results.add(&place("fork", 16), &[RATE, LOAD, COUNT], &2000.0);
        let many = Column::figure("16", &RATE, 1e3).at("clients", 16_usize);
        let columns = [Column::count("1", &COUNT).at("clients", 1_usize), many];
        let table = Table::of("", results.view().servers(), &columns).headed("and by clients");
        let table = table.and(results.view().along("clients"), &[Column::count("", &COUNT)]);
        let told: Vec<String> = table
            .rows
            .iter()
            .map(|(label, cells)| format!("{label}: {}", cells.join(" ")))
            .collect();
        assert_eq!(told, ["pool: - -", "fork: 3 *2", "and by clients: ", "1: 3", "16: 2000"]);
        assert_eq!(table.columns, ["1", "16"]);
        assert!(explain_mark(&[table]).is_some());
    }
}
