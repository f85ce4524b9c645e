//! `lab diff`: two saved results of one experiment, side by side.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use lab::instruments::sample::Sample;
use lab::pages::number::{NOTHING, short};
use lab::pages::section::{Section, Table};
use lab::pages::terminal;
use serde_json::Value;

/// What two results are told apart by.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The first result, as `--json` wrote it
    a: PathBuf,

    /// The second one
    b: PathBuf,
}

/// What stands for a place in a list: which model, with how many clients, at which rate.
const NAMES: [&str; 6] =
    ["model", "name", "clients", "connections", "due_per_second", "ballast_mib"];

/// The deaths of the crash lesson have words for a name.
const DEATH: &str = "death";

/// A figure as a result has it: of which place, which figure, and its rounds, or the one value of
/// what was measured once.
struct Figure {
    place: String,
    name: String,
    rounds: Sample,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let (a, b) = (read(&options.a)?, read(&options.b)?);
    for key in ["experiment", "version"] {
        let [of_a, of_b] = [&a, &b].map(|it| it[key].as_str().unwrap_or("unknown"));
        ensure!(
            of_a == of_b,
            "these cannot be compared: {} is of {key} {of_a}, {} of {key} {of_b}",
            options.a.display(),
            options.b.display()
        );
    }
    let section = compare(&figures(&a), &figures(&b));
    let machines = [("A", &a), ("B", &b)].map(|(name, it)| format!("{name}: {}.", machine(it)));
    super::print(&terminal::render(&section, &machines, terminal::width()))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a result of the lab", path.display()))?;
    let is_result = value["experiment"].is_string() && value["version"].is_string();
    ensure!(is_result, "{} is not a result of the lab", path.display());
    Ok(value)
}

fn machine(result: &Value) -> String {
    let text = |key: &str| result["machine"][key].as_str().unwrap_or("unknown").to_owned();
    format!("{}, {}, {}", text("cpu"), text("kernel"), text("date"))
}

/// All figures of a result, in its order.
fn figures(result: &Value) -> Vec<Figure> {
    let mut figures = Vec::new();
    // What stands at the top says how it was measured.
    for (name, value) in result.as_object().into_iter().flatten() {
        if name != "machine" && (value.is_object() || value.is_array()) {
            collect(&mut figures, "", name, value);
        }
    }
    figures
}

fn collect(figures: &mut Vec<Figure>, place: &str, name: &str, value: &Value) {
    let mut add = |rounds: Vec<f64>| {
        let name = name.replace('_', " ");
        figures.push(Figure { place: place.to_owned(), name, rounds: rounds.into() });
    };
    match value {
        Value::Number(number) => add(number.as_f64().into_iter().collect()),
        Value::Array(items) => items.iter().for_each(|it| collect(figures, place, name, it)),
        Value::Object(object) => match object.get("rounds").and_then(Value::as_array) {
            Some(rounds) => add(rounds.iter().filter_map(Value::as_f64).collect()),
            None => {
                let own =
                    NAMES.iter().chain([&DEATH]).filter_map(|key| named(key, object.get(*key)?));
                let place = [place.to_owned()].into_iter().chain(own).filter(|it| !it.is_empty());
                let place = place.collect::<Vec<_>>().join(", ");
                let is_name = |key: &str| NAMES.contains(&key);
                for (key, value) in object.iter().filter(|(key, _)| !is_name(key)) {
                    // A member that holds a server's figures is called as the server.
                    let place = match value["rounds"].is_null() && value.is_object() {
                        true if place.is_empty() => key.clone(),
                        _ => place.clone(),
                    };
                    collect(figures, &place, key, value);
                }
            }
        },
        _ => {}
    }
}

/// A name as it stands in a place: `fork`, or `64 clients`.
fn named(key: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.replace('_', " ")),
        Value::Number(number) => Some(format!("{number} {}", key.replace('_', " "))),
        _ => None,
    }
}

/// A row for each figure that both have.
fn compare(a: &[Figure], b: &[Figure]) -> Section {
    let mut table = Table {
        columns: ["A", "B", "B/A", "verdict"].map(str::to_owned).into(),
        ..Table::default()
    };
    let (mut place, mut differ, mut judged) = ("", 0, 0);
    for of_a in a {
        let twin = |it: &&Figure| it.place == of_a.place && it.name == of_a.name;
        let Some(of_b) = b.iter().find(twin) else { continue };
        if of_a.rounds.count().min(of_b.rounds.count()) == 0 {
            continue;
        }
        if of_a.place != place {
            place = &of_a.place;
            table.rows.push((place.to_owned(), Vec::new()));
        }
        let verdict = verdict(&of_a.rounds, &of_b.rounds);
        judged += usize::from(verdict != ONCE);
        differ += usize::from(verdict == DIFFERS);
        let (one, other) = (of_a.rounds.median(), of_b.rounds.median());
        let ratio = if one == 0.0 { NOTHING.to_owned() } else { format!("{:.2}", other / one) };
        let cells = vec![short(one), short(other), ratio, verdict.to_owned()];
        table.rows.push((of_a.name.clone(), cells));
    }
    Section {
        sentences: vec![format!("{differ} of {judged} figures with several rounds differ.")],
        tables: vec![table],
        method: RULE.to_owned(),
        ..Section::default()
    }
}

const DIFFERS: &str = "differs";
const WITHIN: &str = "within the spread";
const ONCE: &str = "measured once";

const RULE: &str = "Medians. A figure differs where every round of one result is above every round \
    of the other; else it is within the spread. What was measured once has no spread to judge by.";

fn verdict(a: &Sample, b: &Sample) -> &'static str {
    match (a.range(), b.range()) {
        _ if a.count().min(b.count()) < 2 => ONCE,
        (Some((least, most)), Some((other_least, other_most)))
            if least > other_most || other_least > most =>
        {
            DIFFERS
        }
        _ => WITHIN,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rounds_that_overlap_are_within_the_spread() {
        let verdict = |a: &[f64], b: &[f64]| verdict(&a.to_vec().into(), &b.to_vec().into());
        assert_eq!(verdict(&[1.0, 2.0, 3.0], &[3.0, 4.0]), WITHIN);
        assert_eq!(verdict(&[1.0, 2.0, 3.0], &[3.5, 4.0]), DIFFERS);
        assert_eq!(verdict(&[3.5, 4.0], &[1.0, 2.0, 3.0]), DIFFERS);
        assert_eq!(verdict(&[1.0], &[2.0]), ONCE);
    }

    #[test]
    fn figures_are_found_by_model_and_number_wherever_they_stand() {
        let scale = json!({
            "experiment": "scale",
            "figures": [{"model": "fork", "points": [{"clients": 4, "rate": {"rounds": [1.0, 3.0]}}]}],
        });
        let comparison = json!({"rounds": 5, "servers": {"fork": {"rate": {"rounds": [7.0]}}}});
        let found = |result: &Value| {
            let all = figures(result);
            all.iter()
                .map(|it| format!("{}: {} {}", it.place, it.name, it.rounds.median()))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&scale), ["fork, 4 clients: rate 2"]);
        assert_eq!(found(&comparison), ["fork: rate 7"]);
    }
}
