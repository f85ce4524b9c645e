//! What was seen, as a table and in sentences.

use super::{Death, Observation};
use crate::results::number::short;
use crate::results::section::Table;

/// A row a death.
pub(super) fn table(observations: &[Observation]) -> Table {
    let columns = ["", "watching client", "ms", "blocking client", "ms", "cut", "new"];
    let row = |seen: &Observation| {
        let (watching, blocking) = (&seen.watching, &seen.blocking);
        let cells = vec![
            seen.death.to_string(),
            watching.what.clone(),
            short(watching.after_milliseconds),
            blocking.what.clone(),
            short(blocking.after_milliseconds),
            format!("{}/{}", seen.cut, seen.others),
            if seen.serves_new_clients { "yes" } else { "no" }.to_owned(),
        ];
        (seen.model.clone(), cells)
    };
    Table {
        columns: columns.map(str::to_owned).into(),
        rows: observations.iter().map(row).collect(),
        legend: "ms: after the death; cut: others that were cut off; new: are new clients served?"
            .to_owned(),
        ..Table::default()
    }
}

/// What the table says: what watching is worth, and how far each death reached.
pub(super) fn sentences(observations: &[Observation]) -> Vec<String> {
    let latest = observations.iter().map(|seen| seen.watching.after_milliseconds);
    let latest = latest.fold(0.0, f64::max);
    let typed = observations.iter().map(|seen| seen.blocking.after_milliseconds);
    let typed = typed.fold(f64::INFINITY, f64::min);
    let unheard = observations.iter().filter(|seen| !seen.blocking.by_write).count();
    let mut sentences = vec![format!(
        "A client that watched its server noticed each end within {} ms; one that waited for its \
         keyboard noticed when a line was typed, {typed:.0} ms after the death, and in {unheard} of \
         {} cases `write` accepted that line without an error.",
        short(latest),
        observations.len()
    )];
    sentences.extend(Death::ALL.iter().filter_map(|death| reach(observations, *death)));
    sentences
}

/// How far a death reached, under each model that was played.
fn reach(observations: &[Observation], death: Death) -> Option<String> {
    let names = |cuts: fn(&Observation) -> bool| {
        let those = observations.iter().filter(|seen| seen.death == death && cuts(seen));
        those.map(|seen| seen.model.as_str()).collect::<Vec<_>>().join(", ")
    };
    let groups = [
        ("nobody else", names(|seen| seen.cut == 0)),
        ("some others", names(|seen| seen.cut > 0 && seen.cut < seen.others)),
        ("everyone", names(|seen| seen.cut == seen.others)),
    ];
    let groups = groups.into_iter().filter(|(_, models)| !models.is_empty());
    let parts: Vec<String> =
        groups.map(|(whom, models)| format!("{whom} under {models}")).collect();
    let death = match death {
        Death::HandlerPanics => "When a handler panicked",
        Death::ProcessAborts => "When a process aborted",
        Death::ProcessIsKilled => "When a process was killed",
    };
    (!parts.is_empty()).then(|| format!("{death}, it cut off {}.", parts.join("; ")))
}
