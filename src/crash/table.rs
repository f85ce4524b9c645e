//! What was seen, as a table and in sentences.

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::table::short;

use super::{Death, Observation, What};

/// The table: a row a death, in 80 columns.
pub fn render(observations: &[Observation]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let cell = |text: &str| Cell::new(text);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    table.set_header(
        ["", "", "watching client", "ms", "blocking client", "ms", "cut", "new"].map(cell),
    );
    let mut model = "";
    for seen in observations {
        let (watching, blocking) = (seen.watching, seen.blocking);
        let cells = [
            cell(if model == seen.model { "" } else { seen.model }),
            cell(&seen.death.to_string()),
            cell(&watching.what.to_string()),
            right(short(watching.after_milliseconds)),
            cell(&blocking.what.to_string()),
            right(short(blocking.after_milliseconds)),
            right(format!("{}/{}", seen.cut, seen.others)),
            cell(if seen.serves_new_clients { "yes" } else { "no" }),
        ];
        table.add_row(cells);
        model = seen.model;
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    let lines: Vec<String> =
        table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// What the table says: what watching is worth, and how far each death reached.
pub fn conclusion(observations: &[Observation]) -> Vec<String> {
    let latest = observations.iter().map(|seen| seen.watching.after_milliseconds);
    let latest = latest.fold(0.0, f64::max);
    let typed = observations.iter().map(|seen| seen.blocking.after_milliseconds);
    let typed = typed.fold(f64::INFINITY, f64::min);
    let unheard = observations.iter().filter(|seen| seen.blocking.what != What::Reset).count();
    let mut sentences = vec![format!(
        "A client that watched its server noticed each end within {} ms; one that waited for its \
         keyboard noticed when a line was typed, {typed:.0} ms after the death, and in {unheard} of \
         {} cases `write` took that line without a complaint.",
        short(latest),
        observations.len()
    )];
    sentences.extend(Death::ALL.map(|death| reach(observations, death)));
    sentences
}

/// How far a death reached, under each model that was played.
fn reach(observations: &[Observation], death: Death) -> String {
    let names = |cuts: fn(&Observation) -> bool| {
        let those = observations.iter().filter(|seen| seen.death == death && cuts(seen));
        those.map(|seen| seen.model).collect::<Vec<_>>().join(", ")
    };
    let groups = [
        ("nobody else", names(|seen| seen.cut == 0)),
        ("some others", names(|seen| seen.cut > 0 && seen.cut < seen.others)),
        ("everyone", names(|seen| seen.cut == seen.others)),
    ];
    let parts: Vec<String> = groups
        .into_iter()
        .filter(|(_, models)| !models.is_empty())
        .map(|(whom, models)| format!("{whom} under {models}"))
        .collect();
    let death = match death {
        Death::HandlerPanics => "A handler that panicked",
        Death::ProcessAborts => "A process that aborted",
        Death::ProcessIsKilled => "A process that was killed",
    };
    format!("{death} took along {}.", parts.join("; "))
}
