//! What a siege shows of its figures.

use std::time::Duration;

use super::ordinary::PATIENCE;
use super::{Campaign, Figures, Measured, ORDINARY, ordinary};
use crate::results::number::{NOTHING, short, short_or_nothing, time};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::section::{Picture, Section, Table};

pub(super) fn section(figures: &Figures) -> Section {
    let sides = [false, true].map(|is_defended| plot(figures, is_defended));
    Section {
        sentences: sentences(figures),
        pictures: sides.into_iter().flatten().collect(),
        tables: vec![table(figures)],
        method: method(figures),
    }
}

impl Figures {
    /// The campaigns with the defence, or those without.
    fn side(&self, is_defended: bool) -> impl Iterator<Item = &Campaign> {
        self.sieges.iter().filter(move |it| it.is_defended == is_defended)
    }

    /// All numbers of attackers.
    fn counts(&self) -> Vec<usize> {
        let all = self.sieges.iter().flat_map(|it| &it.sieges).map(|it| it.attackers);
        let mut counts: Vec<usize> = all.collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The defence, as it is typed.
    fn defence(&self) -> String {
        let timeout = Duration::from_secs_f64(self.message_timeout_seconds);
        format!("--message-timeout {}", humantime::format_duration(timeout))
    }
}

/// How long the last ordinary client waited, over the number of attackers. Who was not answered at all
/// stands where the patience ends.
fn plot(figures: &Figures, is_defended: bool) -> Option<Picture> {
    let title = match is_defended {
        false => {
            "The longest wait of an ordinary client, without a time-out for messages".to_owned()
        }
        true => format!("The same with {}", figures.defence()),
    };
    let patience = PATIENCE.as_secs_f64();
    let wait = |it: &Measured| it.longest_wait().unwrap_or(patience) * 1e3;
    let curves = figures.side(is_defended);
    let lines = Line::all(
        curves.map(|it| (it.model.as_str(), it.colour, it.sieges.as_slice())),
        |it: &Measured| Point::exact(it.attackers as f64, Some(wait(it))),
    );
    picture(&Axes { title: &title, x: "slow clients", y: "ms", even: false }, &lines)
}

/// A row a server, a column a number of attackers; once without the defence and once with it.
fn table(figures: &Figures) -> Table {
    let counts = figures.counts();
    let side = |is_defended: bool| {
        let heading = match is_defended {
            false => "without a time-out for messages".to_owned(),
            true => figures.defence(),
        };
        let rows = figures.side(is_defended).map(|it| (it.model.clone(), cells(it, &counts)));
        [(heading, Vec::new())].into_iter().chain(rows).collect::<Vec<_>>()
    };
    let columns = counts.iter().map(ToString::to_string).chain(["KiB each".to_owned()]);
    Table {
        caption: format!("How long the last of {ORDINARY} ordinary clients waited, ms"),
        corner: "slow clients",
        columns: columns.collect(),
        rows: [side(false), side(true)].concat(),
        legend: format!(
            "3 of {ORDINARY}: so many were answered within {} at all. KiB each: the server's memory for a \
             slow client, with the kernel's share.",
            humantime::format_duration(PATIENCE)
        ),
    }
}

fn cells(campaign: &Campaign, counts: &[usize]) -> Vec<String> {
    let siege = |count: &usize| campaign.sieges.iter().find(|it| it.attackers == *count);
    let wait = |it: &Measured| match it.longest_wait() {
        Some(wait) => short(wait * 1e3),
        None => format!("{} of {ORDINARY}", it.answered()),
    };
    let waits = counts.iter().map(|count| siege(count).map_or(NOTHING.to_owned(), wait));
    waits.chain([short_or_nothing(weight(campaign))]).collect()
}

/// What an attacker costs, told by the greatest siege.
fn weight(campaign: &Campaign) -> Option<f64> {
    campaign.sieges.iter().rev().find_map(|it| it.kib_per_attacker)
}

/// What became of each model, without the defence and with it.
fn sentences(figures: &Figures) -> Vec<String> {
    let pairs = figures.side(false).zip(figures.side(true));
    let fates = pairs.map(|(without, with)| {
        format!("{}: {}; with {} {}.", without.model, fate(without), figures.defence(), fate(with))
    });
    let left_out = figures.sieges.iter().filter_map(|it| {
        let (count, reason) = it.left_out.as_ref()?;
        Some(format!("{}: not besieged by {count} or more: {reason}.", it.model))
    });
    let mut all: Vec<String> = fates.collect();
    for sentence in left_out {
        // With the defence as without it.
        if !all.contains(&sentence) {
            all.push(sentence);
        }
    }
    all
}

fn fate(campaign: &Campaign) -> String {
    let long = humantime::format_duration(ordinary::PATIENCE);
    match (campaign.lost_to(), campaign.sieges.last()) {
        (Some(siege), _) => {
            format!(
                "{} of them stop it: an ordinary client waits for more than {long}",
                siege.attackers
            )
        }
        (None, Some(siege)) => {
            let wait = siege.longest_wait().map_or(NOTHING.to_owned(), |wait| time(wait * 1e6));
            format!(
                "it withstands {} of them: the last ordinary client waits {wait}",
                siege.attackers
            )
        }
        (None, None) => "it was not besieged".to_owned(),
    }
}

fn method(figures: &Figures) -> String {
    format!(
        "Slow clients, in a process of their own, each hold a message that never becomes whole and send a \
         byte a second. Who is thrown out does not go before the server has given up waiting for it, and \
         comes again meanwhile. Then {ORDINARY} ordinary clients come at once, with a message each. \
         A server that has fallen is not besieged by more. The servers have their default limits; without the defence a message may take an hour, with {}. Measured once.",
        figures.defence(),
    )
}
