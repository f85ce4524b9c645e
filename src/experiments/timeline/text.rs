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
    use crate::experiments::timeline::panel::{Client, WAITING as WORK};
    use crate::results::{Place, Results, Server};

    #[test]
    fn who_waits_has_dots_before_the_bar() {
        let name = "one at a time".to_owned();
        let server = Place::of(&name);
        let mut results =
            Results::new("timeline", vec![Server { name, colour: "#123".to_owned() }]);
        results.add_once(&server, WORK, "s", 1.0);
        for (number, answered) in [(1, 1.0), (2, 2.0)] {
            let address = ([127, 0, 0, 1], 7).into();
            let messages = vec![Message::new(0.0, answered, 1.0)];
            let client = Client { address, connected: 0.0, messages, left: answered };
            client.add_to(&mut results, &server, number);
        }
        let text = render(&Panel::all(&results));
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
