//! The picture in the characters of a terminal, 80 columns wide.

use super::panel::{Message, Panel};
use crate::results::number::listed;

/// How many columns the time takes.
const WIDTH: usize = 68;

/// The characters of a bar.
const TURN: char = '.';
const WAITING: char = '#';
const ALONE: char = '@';
const SHARING: char = '+';

/// The panels, one below the other, on one scale of time.
pub(super) fn render(panels: &[Panel]) -> String {
    let end = panels.iter().map(|panel| panel.end).fold(0.0, f64::max);
    let mut text = String::new();
    for (names, bars) in groups(panels, end) {
        let alike = if names.len() > 1 { ", all alike" } else { "" };
        text += &format!("{}{alike}\n", listed(&names));
        for (number, bar) in bars.iter().enumerate() {
            text += &format!("  {:>3}  {bar}\n", number + 1);
        }
    }
    let axis = format!("0{:>width$}", format!("{end:.1} s"), width = WIDTH - 1);
    format!("{text}       {axis}\n\n  {}\n", legend(&text))
}

/// Servers whose bars are alike, and the bars of the first.
type Group<'a> = (Vec<&'a str>, Vec<String>);

/// The panels in groups, each where its first stands.
fn groups(panels: &[Panel], end: f64) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for panel in panels {
        let bars: Vec<String> = panel.clients.iter().map(|it| bar(panel, it, end)).collect();
        match groups.iter_mut().find(|(_, others)| are_alike(others, &bars)) {
            Some((names, _)) => names.push(&panel.model),
            None => groups.push((vec![&panel.model], bars)),
        }
    }
    groups
}

/// How many columns of a bar may differ, since they are noise: of a long one these, of a short one fewer.
const NOISE: usize = 3;

fn are_alike(bars: &[String], others: &[String]) -> bool {
    let is_noise = |(bar, other): (&String, &String)| {
        let same = bar.chars().zip(other.chars()).filter(|(one, other)| one == other).count();
        let longer = bar.len().max(other.len());
        bar.is_empty() == other.is_empty() && longer - same <= NOISE.min(longer / 8)
    };
    bars.len() == others.len() && bars.iter().zip(others).all(is_noise)
}

/// What the characters mean that are in the picture.
fn legend(text: &str) -> String {
    let bars: String = text.lines().filter(|line| line.starts_with("  ")).collect();
    let meanings = [
        (TURN, "waits for its turn"),
        (WAITING, "is served"),
        (ALONE, "computes"),
        (SHARING, "computes on a shared CPU"),
    ];
    let used = meanings.into_iter().filter(|(character, _)| bars.contains(*character));
    used.map(|(character, what)| format!("{character} {what}")).collect::<Vec<_>>().join("   ")
}

fn bar(panel: &Panel, client: &[Message], end: f64) -> String {
    let a_column = end / WIDTH as f64;
    let column = |seconds: f64| ((seconds / a_column).round() as usize).min(WIDTH);
    let mut columns = [' '; WIDTH];
    let last = client.last().map_or(0.0, |it| it.answered);
    columns[..column(last)].fill(TURN);
    for message in client {
        // What is shorter than a column is no waiting, but rounding.
        let from = match message.served_from {
            served if served - message.sent < a_column => message.sent,
            served => served,
        };
        let bar = match panel.computing {
            None => WAITING,
            Some(each) if message.share(each) > 0.75 => ALONE,
            Some(_) => SHARING,
        };
        columns[column(from)..column(message.answered)].fill(bar);
    }
    columns.iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::timeline::panel::add_to;
    use crate::recording::Recording;
    use crate::results::{Results, Server};

    const ONE_AT_A_TIME: &str = r#"
        {"recording":1,"of":"timeline","command":"","machine":"","servers":[{"name":"one at a time","colour":"gray","waits":1000000,"computes":0}]}
        {"at":0,"server":"one at a time","client":1,"what":"comes"}
        {"at":0,"server":"one at a time","client":2,"what":"comes"}
        {"at":0,"server":"one at a time","client":1,"what":"asks","message":1}
        {"at":0,"server":"one at a time","client":2,"what":"asks","message":1}
        {"at":0,"server":"one at a time","client":1,"what":"taken","message":1}
        {"at":1000000,"server":"one at a time","client":1,"what":"answered","message":1}
        {"at":1000000,"server":"one at a time","client":1,"what":"ended","why":""}
        {"at":1000000,"server":"one at a time","client":2,"what":"taken","message":1}
        {"at":2000000,"server":"one at a time","client":2,"what":"answered","message":1}
        {"at":2000000,"server":"one at a time","client":2,"what":"ended","why":""}
    "#;

    /// The picture of a recording.
    fn drawn(text: &str) -> String {
        let recording = Recording::parse(text).unwrap();
        let recorded = &recording.head.servers[0];
        let (name, colour) = (recorded.name.clone(), recorded.colour.clone());
        let mut results = Results::new("timeline", vec![Server { name, colour }]);
        add_to(&mut results, recorded, &recording);
        render(&Panel::all(&results))
    }

    #[test]
    fn who_waits_has_dots_before_the_bar() {
        let text = drawn(ONE_AT_A_TIME);
        let half = WIDTH / 2;
        let expected = [
            "one at a time".to_owned(),
            format!("    1  {}", "#".repeat(half)),
            format!("    2  {}{}", ".".repeat(half), "#".repeat(half)),
        ];
        assert_eq!(text.lines().take(3).collect::<Vec<_>>(), expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn of_a_server_without_a_log_it_is_known_how_long_it_waits() {
        let is_told = |line: &&str| !line.contains("taken");
        let untold: Vec<&str> = ONE_AT_A_TIME.lines().filter(is_told).collect();
        assert_eq!(drawn(&untold.join("\n")), drawn(ONE_AT_A_TIME));
    }

    #[test]
    fn bars_that_differ_by_noise_are_drawn_once_and_others_twice() {
        let bars = |ends: [usize; 2]| ends.map(|end| "#".repeat(end)).to_vec();
        assert!(are_alike(&bars([40, 40]), &bars([43, 37])));
        assert!(!are_alike(&bars([40, 40]), &bars([44, 40])), "more than noise");
        assert!(!are_alike(&bars([8, 8]), &bars([10, 8])), "much of a short bar");
        assert!(!are_alike(&bars([40, 40]), &bars([40, 40])[..1]), "a client less");
        assert!(!are_alike(&bars([40, 0]), &bars([40, 1])), "one was never served");
        let waits = [".".repeat(20) + &"#".repeat(20), "#".repeat(40)];
        assert!(!are_alike(&bars([40, 40]), &waits), "one waits for its turn");
    }
}
