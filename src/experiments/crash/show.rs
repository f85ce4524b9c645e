//! What was seen, as a table and in sentences.

use super::{
    AFTER, BLOCKING, BY_WRITE, CLIENT, CUT, DEATH, Death, NEW, NOTICED, OTHERS, WATCHING, Words,
};
use crate::results::number::{NOTHING, short, short_or_nothing};
use crate::results::table::{Column, Table};
use crate::results::{Results, SERVER, View};

/// A row a death.
pub(super) fn table(results: &Results) -> Table {
    let words: Vec<Words> = results.noted(NOTICED).unwrap_or_default();
    let word = |view: &View<'_>, of: fn(&Words) -> &str| {
        let is_of = |name: &str, axis| view.value(axis).is_some_and(|it| it.to_string() == name);
        let word = words.iter().find(|it| is_of(&it.server, SERVER) && is_of(&it.death, DEATH));
        word.map_or(NOTHING, of).to_owned()
    };
    let after = || Column::new("ms", |view| short_or_nothing(view.median(AFTER.name)));
    let number = |view: &View<'_>, figure| view.median(figure).map_or(NOTHING.to_owned(), short);
    let columns = [
        Column::new("", |view| view.value(DEATH).map_or(NOTHING.to_owned(), ToString::to_string)),
        Column::new("watching client", |view| word(view, |it| &it.watching)),
        after().at(CLIENT, WATCHING),
        Column::new("blocking client", |view| word(view, |it| &it.blocking)),
        after().at(CLIENT, BLOCKING),
        Column::new("cut", |view| {
            format!("{}/{}", number(view, CUT.name), number(view, OTHERS.name))
        }),
        Column::new("new", |view| {
            if view.median(NEW.name) == Some(1.0) { "yes" } else { "no" }.to_owned()
        }),
    ];
    let legend = "ms: after the death; cut: others that were cut off; new: are new clients served?";
    let table = Table::of("", results.view().servers_along(DEATH), &columns);
    Table { legend: legend.to_owned(), ..table }
}

/// What the table says: what watching is worth, and how far each death reached.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    let deaths: Vec<View<'_>> =
        results.view().servers_along(DEATH).into_iter().map(|(_, view)| view).collect();
    let figures = |client: &str, figure: &str| -> Vec<f64> {
        deaths.iter().filter_map(|view| view.at(CLIENT, client).median(figure)).collect()
    };
    let latest = figures(WATCHING, AFTER.name).into_iter().fold(0.0, f64::max);
    let typed = figures(BLOCKING, AFTER.name).into_iter().fold(f64::INFINITY, f64::min);
    let unheard = figures(BLOCKING, BY_WRITE.name).iter().filter(|it| **it == 0.0).count();
    let mut sentences = vec![format!(
        "A client that watched its server noticed each end within {} ms; one that waited for its \
         keyboard noticed when a line was typed, {typed:.0} ms after the death, and in {unheard} of \
         {} cases `write` accepted that line without an error.",
        short(latest),
        deaths.len()
    )];
    sentences.extend(Death::ALL.iter().filter_map(|death| reach(results, *death)));
    sentences
}

/// How far a death reached, under each model that was played.
fn reach(results: &Results, death: Death) -> Option<String> {
    let servers = results.view().at(DEATH, death.to_string().as_str()).servers();
    let names = |is_so: fn(f64, f64) -> bool| {
        let those = servers.iter().filter(|(_, view)| {
            let both = view.median(CUT.name).zip(view.median(OTHERS.name));
            both.is_some_and(|(cut, others)| is_so(cut, others))
        });
        those.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    let groups = [
        ("nobody else", names(|cut, _| cut == 0.0)),
        ("some others", names(|cut, others| cut > 0.0 && cut < others)),
        ("everyone", names(|cut, others| cut == others)),
    ];
    let groups = groups.into_iter().filter(|(_, models)| !models.is_empty());
    let parts: Vec<String> =
        groups.map(|(reach, models)| format!("{reach} under {models}")).collect();
    let death = match death {
        Death::HandlerPanics => "When a handler panicked",
        Death::ProcessAborts => "When a process aborted",
        Death::ProcessIsKilled => "When a process was killed",
    };
    (!parts.is_empty()).then(|| format!("{death}, it cut off {}.", parts.join("; ")))
}
