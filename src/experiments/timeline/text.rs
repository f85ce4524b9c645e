//! The picture in the characters of a terminal, 80 columns wide.

use super::figures::{Client, Panel};

/// How many columns the time takes.
const WIDTH: usize = 68;

/// The characters of a bar.
const TURN: char = '.';
const WAITING: char = '#';
const ALONE: char = '@';
const SHARING: char = '+';

/// The panels, one below the other, on one scale of time.
pub(super) fn render(panels: &[Panel]) -> String {
    let end = panels.iter().map(Panel::end_seconds).fold(0.0, f64::max);
    let mut text = String::new();
    for panel in panels {
        text += &format!("{}\n", panel.model);
        for (number, client) in panel.clients.iter().enumerate() {
            text += &format!("  {:>3}  {}\n", number + 1, bar(panel, client, end));
        }
    }
    let axis = format!("0{:>width$}", format!("{end:.1} s"), width = WIDTH - 1);
    format!("{text}       {axis}\n\n  {}\n", legend(&text))
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

fn bar(panel: &Panel, client: &Client, end: f64) -> String {
    let a_column = end / WIDTH as f64;
    let column = |seconds: f64| ((seconds / a_column).round() as usize).min(WIDTH);
    let mut columns = [' '; WIDTH];
    let last = client.messages.last().map_or(client.left_seconds, |it| it.answered_seconds);
    columns[..column(last)].fill(TURN);
    for message in &client.messages {
        // What is shorter than a column is no waiting, but rounding.
        let from = match message.served_from_seconds {
            served if served - message.sent_seconds < a_column => message.sent_seconds,
            served => served,
        };
        let bar = match panel.plan.computes() {
            false => WAITING,
            true if message.share(&panel.plan) > 0.75 => ALONE,
            true => SHARING,
        };
        columns[column(from)..column(message.answered_seconds)].fill(bar);
    }
    columns.iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::experiments::timeline::figures::{Message, Plan};

    #[test]
    fn who_waits_has_dots_before_the_bar() {
        let client = |answered_seconds| Client {
            address: ([127, 0, 0, 1], 7).into(),
            connected_seconds: 0.0,
            messages: vec![Message::new(0.0, answered_seconds, 1.0)],
            left_seconds: answered_seconds,
        };
        let panel = Panel {
            model: "one at a time".to_owned(),
            colour: 0,
            workers: None,
            plan: Plan {
                clients: 2,
                messages: 1,
                delay: Duration::from_secs(1),
                compute: Duration::ZERO,
                workers: 1,
            },
            clients: vec![client(1.0), client(2.0)],
        };
        let text = render(&[panel]);
        let half = WIDTH / 2;
        let expected = [
            "one at a time".to_owned(),
            format!("    1  {}", "#".repeat(half)),
            format!("    2  {}{}", ".".repeat(half), "#".repeat(half)),
        ];
        assert_eq!(text.lines().take(3).collect::<Vec<_>>(), expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
