//! What the figures say, in the order of the tables.

use super::{CONNECTIONS, Figures, IDLE_CONNECTIONS, KIB, MANY, MEMORY, MESSAGES, OF_ONE_CLIENT};
use crate::experiments::exercise::WARM_CONNECTIONS;
use crate::instruments::sample::Samples;
use crate::pages::number::{short, time};

/// The figures that are spoken of.
const RATE_ALONE: &str = OF_ONE_CLIENT[0].key;
const COST_ALONE: &str = OF_ONE_CLIENT[1].key;
const RATE: &str = CONNECTIONS[0].key;
const COST: &str = CONNECTIONS[3].key;
const MESSAGE_RATE: &str = MESSAGES[0].key;
const ANSWERED: &str = MESSAGES[6].key;
const USER: &str = MEMORY[0].key;
const KERNEL: &str = MEMORY[1].key;
const SERVED: &str = MEMORY[2].key;

/// All of them.
pub(super) fn all(figures: &Figures) -> Vec<String> {
    let mut all = vec![connections(figures), messages(figures), idle(figures)];
    all.extend(out_of_line(figures));
    all
}

/// On a connection's cost.
fn connections(figures: &Figures) -> String {
    let cost = ranked(figures, COST);
    let (Some(cheap), Some(dear)) = (cost.first(), cost.last()) else {
        return "No connections were measured.".to_owned();
    };
    let fastest = ranked(figures, RATE).pop().unwrap_or_default();
    let floor = figures.servers.last().and_then(|(_, samples)| samples.median(RATE));
    let reached = format!(
        "{} served the most, {} connections a second, where the floor served {}.",
        fastest.0,
        short(fastest.1),
        short(floor.unwrap_or(f64::NAN))
    );
    match cost.len() {
        1 => format!("A connection cost {} {} of CPU; {reached}", cheap.0, time(cheap.1)),
        _ => format!(
            "A connection cost {} {} of CPU and {} {}, {:.1} times as much; {reached}",
            cheap.0,
            time(cheap.1),
            dear.0,
            time(dear.1),
            dear.1 / cheap.1
        ),
    }
}

/// On messages, and on who was not answered.
fn messages(figures: &Figures) -> String {
    let rate = ranked(figures, MESSAGE_RATE);
    let (Some(slow), Some(fast)) = (rate.first(), rate.last()) else {
        return "No messages were measured.".to_owned();
    };
    let served = medians(figures, ANSWERED);
    let clients = WARM_CONNECTIONS.connections;
    let few = served.iter().filter(|(_, count)| *count < clients as f64);
    let few: Vec<String> = few.map(|(name, count)| format!("{count:.0} under {name}")).collect();
    let all = match few.is_empty() {
        true => format!("each answered all {clients} clients"),
        false => format!(
            "of {clients} clients only a few were answered at a time, {}, and the others waited",
            few.join(", ")
        ),
    };
    let other = match rate.len() {
        1 => String::new(),
        _ => format!(", {} {}", slow.0, short(slow.1)),
    };
    format!(
        "Once connected, {} answered {} messages a second{other}; {all}.",
        fast.0,
        short(fast.1)
    )
}

/// On idle connections. What a server has not taken up costs it nothing, so only those that served
/// all compare.
fn idle(figures: &Figures) -> String {
    let served = medians(figures, SERVED);
    let (user, kernel) = (medians(figures, USER), medians(figures, KERNEL));
    let totals = user.iter().zip(&kernel).zip(&served);
    let totals = totals.filter(|(_, (_, count))| *count == IDLE_CONNECTIONS as f64);
    let totals = totals.map(|(((name, user), (_, kernel)), _)| (*name, user + kernel));
    let totals = sorted(totals.collect());
    let (Some((small, least)), Some((large, most))) = (totals.first(), totals.last()) else {
        return format!("None of these served {IDLE_CONNECTIONS} idle connections at once.");
    };
    let kib = |bytes: f64| short(bytes / KIB);
    let fit = |bytes: f64| short(f64::from(1 << 30) / bytes);
    let (first, first_fit) = (kib(*least), fit(*least));
    match totals.len() {
        1 => format!(
            "An idle connection held {first} KiB under {small}, so a GiB holds {first_fit} of them."
        ),
        _ => format!(
            "An idle connection held {first} KiB under {small} and {} KiB under {large}: a GiB holds \
             {first_fit} or {} of them.",
            kib(*most),
            fit(*most)
        ),
    }
}

/// How many times as much CPU a connection may take among many as alone.
const IN_LINE: f64 = 2.0;

/// On models that many clients cost more than they ought to.
fn out_of_line(figures: &Figures) -> Vec<String> {
    let (_floor, models) = figures.servers.split_last().unzip();
    let sentence = |(name, samples): &(String, Samples)| {
        let findings: Vec<String> =
            [slower(samples), dearer(samples)].into_iter().flatten().collect();
        (!findings.is_empty()).then(|| {
            format!(
                "{name} is out of line: with {MANY} clients {}. `cargo run --release -- anatomy \
                 --models {name}` shows what they make the kernel do.",
                findings.join(", and ")
            )
        })
    };
    models.unwrap_or_default().iter().filter_map(sentence).collect()
}

/// Where every round with many clients served fewer than every round with one.
fn slower(samples: &Samples) -> Option<String> {
    let (alone, among) = (samples.get(RATE_ALONE), samples.get(RATE));
    let ((slowest, _), (_, fastest)) = alone.range().zip(among.range())?;
    (fastest < slowest).then(|| {
        let (alone, among) = (short(alone.median()), short(among.median()));
        format!("it served {among} connections a second, and {alone} with one")
    })
}

/// Where a connection costs far more CPU among many.
fn dearer(samples: &Samples) -> Option<String> {
    let alone = samples.median(COST_ALONE)?;
    let among = samples.median(COST)?;
    (among > IN_LINE * alone)
        .then(|| format!("a connection cost {} of CPU, and {} with one", time(among), time(alone)))
}

/// A figure's medians over the contestants, without the floor.
fn medians<'a>(figures: &'a Figures, key: &str) -> Vec<(&'a str, f64)> {
    let (_floor, models) = figures.servers.split_last().unzip();
    let all = models.unwrap_or_default().iter();
    all.filter_map(|(name, samples)| Some((name.as_str(), samples.median(key)?))).collect()
}

/// The same, from the least to the most.
fn ranked<'a>(figures: &'a Figures, key: &str) -> Vec<(&'a str, f64)> {
    sorted(medians(figures, key))
}

fn sorted(mut medians: Vec<(&str, f64)>) -> Vec<(&str, f64)> {
    medians.sort_by(|one, other| one.1.total_cmp(&other.1));
    medians
}

#[cfg(test)]
mod tests {
    use super::super::{Comparison, MESSAGE_SIZE};
    use super::*;
    use crate::experiments::Experiment;

    /// A server's rates and costs in each round: with one client, and with many.
    fn server(name: &str, rates: [[f64; 2]; 2], costs: [f64; 2]) -> (String, Samples) {
        let mut samples = Samples::default();
        for (key, rounds) in [RATE_ALONE, RATE].into_iter().zip(rates) {
            rounds.into_iter().for_each(|rate| samples.push(key, rate));
        }
        samples.push(COST_ALONE, costs[0]);
        samples.push(COST, costs[1]);
        (name.to_owned(), samples)
    }

    fn sentences(server: (String, Samples)) -> String {
        let floor = ("floor".to_owned(), Samples::default());
        let figures = Figures {
            rounds: 2,
            memory_rounds: 1,
            seconds_per_round: 1.0,
            many_clients: MANY,
            warm_connections: 50,
            idle_connections: IDLE_CONNECTIONS,
            message_bytes: MESSAGE_SIZE,
            servers: vec![server, floor],
        };
        let section = Comparison::show(&figures);
        section.sentences.into_iter().filter(|it| it.contains("out of line")).collect()
    }

    #[test]
    fn a_model_that_many_clients_slow_down_is_out_of_line() {
        let slower = sentences(server("thread", [[9e3, 8e3], [2e3, 3e3]], [90.0, 100.0]));
        assert!(
            slower.contains("thread is out of line: with 32 clients it served 2.50k"),
            "{slower}"
        );
        assert!(slower.contains("8.50k with one. `cargo run --release -- anatomy"), "{slower}");
        assert!(!slower.contains("cost"), "{slower}");
        let dearer = sentences(server("fork", [[3e3, 3e3], [6e3, 6e3]], [100.0, 210.0]));
        assert!(
            dearer.contains("a connection cost 210 µs of CPU, and 100 µs with one"),
            "{dearer}"
        );
        let both = sentences(server("both", [[9e3, 9e3], [2e3, 2e3]], [90.0, 300.0]));
        assert!(both.contains("9.00k with one, and a connection cost 300 µs"), "{both}");
    }

    #[test]
    fn a_model_within_its_noise_is_in_line() {
        let noisy = server("pool", [[9e3, 7e3], [6e3, 8e3]], [100.0, 190.0]);
        assert_eq!(sentences(noisy), "");
    }
}
