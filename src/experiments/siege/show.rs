//! What a siege shows of its figures.

use super::ordinary::PATIENCE;
use super::{ANSWERED, ATTACKERS, DEFENDED, LONGEST_WAIT, MEMORY, ORDINARY, Siege};
use crate::experiments::files::RECORDING;
use crate::results::number::{NOTHING, short, short_or_nothing, time};
use crate::results::plot::{Axes, Point, picture};
use crate::results::section::{Picture, Section};
use crate::results::table::{Column, Table};
use crate::results::{Results, Row, View};

pub(super) fn section(siege: &Siege, results: &Results) -> Section {
    let sides = [false, true].map(|is_defended| results.view().at(DEFENDED, is_defended));
    let [without, with] = &sides;
    let title = "The longest wait of an ordinary client, without a time-out for messages";
    let defended = format!("The same with {}", siege.defence());
    let pictures = [plot(title, without), plot(&defended, with)];
    Section {
        sentences: sentences(siege, without, with),
        pictures: pictures.into_iter().flatten().collect(),
        tables: vec![table(siege, results, without, with)],
        method: method(siege),
        recording: results.noted(RECORDING),
    }
}

/// How long the last ordinary client waited, over the number of attackers. Who was not answered at all
/// stands where the patience ends.
fn plot(title: &str, side: &View<'_>) -> Option<Picture> {
    let lines = side.lines(ATTACKERS, |x, view| {
        let wait = view.median(LONGEST_WAIT.name).unwrap_or(PATIENCE.as_secs_f64());
        Point::exact(x, Some(wait * 1e3))
    });
    picture(&Axes { title, x: "slow clients", y: "ms", even: false }, &lines)
}

/// A row a server, a column a number of attackers; once without the defence and once with it.
fn table(siege: &Siege, results: &Results, without: &View<'_>, with: &View<'_>) -> Table {
    let of_count = |count| Column::new(count, wait).at(ATTACKERS, count);
    let mut columns: Vec<Column<'_>> =
        results.view().values(ATTACKERS).into_iter().map(of_count).collect();
    let is_weighed = results.view().rounds(MEMORY.name) > 0;
    if is_weighed {
        columns.push(Column::new("KiB each", |view| {
            // Told by the greatest siege.
            let weights = view.along(ATTACKERS).into_iter().rev();
            short_or_nothing({ weights }.find_map(|(_, view)| view.median(MEMORY.name)))
        }));
    }
    let caption = format!("How long the last of {ORDINARY} ordinary clients waited, ms");
    let table = Table::empty(caption, &columns).headed("without a time-out for messages");
    let table = table.and(without.servers(), &columns).headed(siege.defence());
    let fallen = format!(
        "N of {ORDINARY}: only N were answered within {}. ",
        time(PATIENCE.as_secs_f64() * 1e6)
    );
    let weighed = "KiB each: the server's memory for a slow client, with the kernel's share.";
    let answered = |row: &Row| row.figure == ANSWERED.name && row.rounds.median() < ORDINARY as f64;
    let has_fallen = results.rows.iter().any(answered);
    let legend = [(has_fallen, fallen.as_str()), (is_weighed, weighed)];
    let legend: String =
        legend.into_iter().filter_map(|(is_so, text)| is_so.then_some(text)).collect();
    Table { corner: "slow clients", legend, ..table.and(with.servers(), &columns) }
}

/// How long the last ordinary client waited, or how many were answered.
fn wait(view: &View<'_>) -> String {
    match (view.median(LONGEST_WAIT.name), view.median(ANSWERED.name)) {
        (Some(wait), _) => short(wait * 1e3),
        (None, Some(answered)) => format!("{answered} of {ORDINARY}"),
        (None, None) => NOTHING.to_owned(),
    }
}

/// What became of each model, without the defence and with it.
fn sentences(siege: &Siege, without: &View<'_>, with: &View<'_>) -> Vec<String> {
    let pairs = without.servers().into_iter().zip(with.servers());
    let fates = pairs.map(|((name, without), (_, with))| {
        format!("{name}: {}; with {} {}.", fate(&without), siege.defence(), fate(&with))
    });
    fates.collect()
}

fn fate(server: &View<'_>) -> String {
    let patience = time(PATIENCE.as_secs_f64() * 1e6);
    let Some((count, last)) = server.along(ATTACKERS).pop() else {
        return "it was not besieged".to_owned();
    };
    match last.median(LONGEST_WAIT.name) {
        None => {
            format!("{count} of them stop it: an ordinary client waits for more than {patience}")
        }
        Some(wait) => {
            let wait = time(wait * 1e6);
            format!("it withstands {count} of them: the last ordinary client waits {wait}")
        }
    }
}

fn method(siege: &Siege) -> String {
    format!(
        "Slow clients, in a process of their own, each hold a message that never becomes whole and send a \
         byte a second. Who is thrown out does not go before the server has given up waiting for it, and \
         comes again meanwhile. Then {ORDINARY} ordinary clients come at once, with a message each. \
         A server that has fallen is not besieged by more. The servers have their default limits; without \
         the defence a message may take an hour, with {}. Measured once.",
        siege.defence(),
    )
}
