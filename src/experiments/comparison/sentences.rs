//! What the figures say, in the order of the tables.

use super::{IDLE, IDLE_CLIENTS, KERNEL, KIB, SERVED, USER};
use crate::experiments::loads::{LOAD, MANY_CLIENTS, ONE_CLIENT, WARM_CONNECTIONS};
use crate::measure::cost::{ANSWERED, CONNECTIONS, CPU_PER_CONNECTION, MESSAGES};
use crate::models::Contestant;
use crate::results::number::{short, time};
use crate::results::{Results, SERVER, View};

/// All of them.
pub(super) fn all(results: &Results) -> Vec<String> {
    let floor = Contestant::floor().name;
    let models = results.view().only(|place| place.get(SERVER) != Some(&floor.as_str().into()));
    let floor = results.view().at(SERVER, floor.as_str());
    let mut all = vec![connections(&models, &floor), messages(&models), idle(&models)];
    all.extend(models.servers().iter().filter_map(|(name, view)| out_of_line(name, view)));
    all
}

/// On a connection's cost.
fn connections(models: &View<'_>, floor: &View<'_>) -> String {
    let [models, floor] = [models, floor].map(|view| view.at(LOAD, MANY_CLIENTS.name));
    let cost = models.ranked(CPU_PER_CONNECTION.name);
    let (Some(cheap), Some(dear)) = (cost.first(), cost.last()) else {
        return "No connections were measured.".to_owned();
    };
    let fastest = models.ranked(CONNECTIONS.name).pop().unwrap_or_default();
    let floor = floor.median(CONNECTIONS.name).unwrap_or_default();
    let reached = format!(
        "{} served the most, {} connections a second, where the floor served {}.",
        fastest.0,
        short(fastest.1),
        short(floor)
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
fn messages(models: &View<'_>) -> String {
    let models = models.at(LOAD, WARM_CONNECTIONS.name);
    let rate = models.ranked(MESSAGES.name);
    let (Some(slow), Some(fast)) = (rate.first(), rate.last()) else {
        return "No messages were measured.".to_owned();
    };
    let clients = WARM_CONNECTIONS.connections;
    let few = models.servers().into_iter().filter_map(|(name, view)| {
        let count = view.median(ANSWERED.name).filter(|count| *count < clients as f64)?;
        Some(format!("{count:.0} under {name}"))
    });
    let few: Vec<String> = few.collect();
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

/// A connection that seems to hold less than this is lost in what comes and goes by itself: in bytes.
const NOISE: f64 = 256.0;

/// On idle connections. What a server has not taken up costs it nothing, so only those that served
/// all compare.
fn idle(models: &View<'_>) -> String {
    let total = |(name, view): (_, View<'_>)| {
        let all_served = view.median(SERVED.name)? == IDLE as f64;
        all_served.then_some((name, view.median(USER.name)? + view.median(KERNEL.name)?))
    };
    let models = models.at(IDLE_CLIENTS, IDLE).servers();
    let mut totals: Vec<(&str, f64)> = models.into_iter().filter_map(total).collect();
    totals.sort_by(|one, other| one.1.total_cmp(&other.1));
    if totals.is_empty() {
        return format!("None of these served {IDLE} idle connections at once.");
    }
    // What is less than the kernel's own noise is not known.
    let mut known = totals.iter().filter(|(_, total)| *total > NOISE);
    let (Some((small, least)), (large, most)) = (known.next(), totals[totals.len() - 1]) else {
        return "What an idle connection held is lost in the kernel's own coming and going."
            .to_owned();
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
            kib(most),
            fit(most)
        ),
    }
}

/// How many times as much CPU a connection may take among many as alone.
const IN_LINE: f64 = 2.0;

/// On a model that many clients cost more than they ought to.
fn out_of_line(name: &str, server: &View<'_>) -> Option<String> {
    let alone = server.at(LOAD, ONE_CLIENT.name);
    let among = server.at(LOAD, MANY_CLIENTS.name);
    let findings: Vec<String> =
        [slower(&alone, &among), dearer(&alone, &among)].into_iter().flatten().collect();
    (!findings.is_empty()).then(|| {
        format!(
            "{name} is out of line: with {} clients {}. `cargo run --release -- anatomy --models {name}` \
             shows what they make the kernel do.",
            MANY_CLIENTS.connections,
            findings.join(", and ")
        )
    })
}

/// Where every round with many clients served fewer than every round with one.
fn slower(alone: &View<'_>, among: &View<'_>) -> Option<String> {
    let [alone, among] = [alone, among].map(|view| view.sample(CONNECTIONS.name));
    let (alone, among) = alone.zip(among)?;
    let ((slowest, _), (_, fastest)) = alone.range().zip(among.range())?;
    (fastest < slowest).then(|| {
        let (alone, among) = (short(alone.median()), short(among.median()));
        format!("it served {among} connections a second, and {alone} with one")
    })
}

/// Where a connection costs far more CPU among many.
fn dearer(alone: &View<'_>, among: &View<'_>) -> Option<String> {
    let alone = alone.median(CPU_PER_CONNECTION.name)?;
    let among = among.median(CPU_PER_CONNECTION.name)?;
    (among > IN_LINE * alone)
        .then(|| format!("a connection cost {} of CPU, and {} with one", time(among), time(alone)))
}

#[cfg(test)]
mod tests {
    use super::super::Comparison;
    use super::*;
    use crate::experiments::Experiment;
    use crate::results::{Place, Server};

    /// What is said of a server with these rates and costs in each round: with one client, and with many.
    fn sentences(name: &str, rates: [[f64; 2]; 2], costs: [f64; 2]) -> String {
        let server = Server { name: name.to_owned(), colour: String::new() };
        let mut results = Results::new("comparison", vec![server]);
        for (load, (rates, cost)) in [ONE_CLIENT, MANY_CLIENTS].iter().zip(rates.iter().zip(costs))
        {
            let place = Place::of(name).with(LOAD, load.name);
            for rate in rates {
                results.add_round(&place, CONNECTIONS.name, CONNECTIONS.unit, *rate);
            }
            results.add_once(&place, CPU_PER_CONNECTION.name, CPU_PER_CONNECTION.unit, cost);
        }
        let section = Comparison {}.show(&results);
        section.sentences.into_iter().filter(|it| it.contains("out of line")).collect()
    }

    #[test]
    fn a_model_that_many_clients_slow_down_is_out_of_line() {
        let slower = sentences("thread", [[9e3, 8e3], [2e3, 3e3]], [90.0, 100.0]);
        assert!(
            slower.contains("thread is out of line: with 32 clients it served 2.50k"),
            "{slower}"
        );
        assert!(slower.contains("8.50k with one. `cargo run --release -- anatomy"), "{slower}");
        assert!(!slower.contains("cost"), "{slower}");
        let dearer = sentences("fork", [[3e3, 3e3], [6e3, 6e3]], [100.0, 210.0]);
        assert!(
            dearer.contains("a connection cost 210 µs of CPU, and 100 µs with one"),
            "{dearer}"
        );
        let both = sentences("both", [[9e3, 9e3], [2e3, 2e3]], [90.0, 300.0]);
        assert!(both.contains("9.00k with one, and a connection cost 300 µs"), "{both}");
    }

    #[test]
    fn a_model_within_its_noise_is_in_line() {
        assert_eq!(sentences("pool", [[9e3, 7e3], [6e3, 8e3]], [100.0, 190.0]), "");
    }
}
