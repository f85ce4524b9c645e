//! What the reader has just seen, in three sentences made from the figures.

use crate::comparison::{IDLE_CONNECTIONS, WARM_CONNECTIONS};
use crate::floor;
use crate::results::{Measure, Results};
use crate::table::short;

/// Three sentences: on a connection's cost, on messages, on idle connections.
pub fn sentences(results: &Results) -> [String; 3] {
    [connections(results), messages(results), idle(results)]
}

fn connections(results: &Results) -> String {
    let cost = models(results, Measure::ServerCpuPerConnectionMicroseconds);
    let rate = models(results, Measure::ConnectionsPerSecondManyClients);
    let floor = floor_of(results, Measure::ConnectionsPerSecondManyClients);
    let (Some(cheap), Some(dear), Some(fast)) = (least(&cost), most(&cost), most(&rate)) else {
        return "No connections were measured.".to_owned();
    };
    let reached = format!(
        "{} served the most, {} connections a second, where the floor served {}.",
        fast.0,
        short(fast.1),
        short(floor)
    );
    if cheap.0 == dear.0 {
        return format!("A connection cost {} {} µs of CPU; {reached}", cheap.0, short(cheap.1));
    }
    format!(
        "A connection cost {} {} µs of CPU and {} {} µs, {:.1} times as much; {reached}",
        cheap.0,
        short(cheap.1),
        dear.0,
        short(dear.1),
        dear.1 / cheap.1
    )
}

fn messages(results: &Results) -> String {
    let rate = models(results, Measure::MessagesPerSecond);
    let served = models(results, Measure::AnsweredConnections);
    let (Some(fast), Some(slow)) = (most(&rate), least(&rate)) else {
        return "No messages were measured.".to_owned();
    };
    let unserved: Vec<String> = served
        .iter()
        .filter(|(_, count)| *count < WARM_CONNECTIONS as f64)
        .map(|(name, count)| format!("{name} only {count:.0}"))
        .collect();
    let all = match unserved.is_empty() {
        true => format!("each answered all {WARM_CONNECTIONS} clients"),
        false => format!(
            "of {WARM_CONNECTIONS} clients {} at a time were answered, and the others waited",
            unserved.join(" and ")
        ),
    };
    let rates = match fast.0 == slow.0 {
        true => format!("{} answered {} messages a second", fast.0, short(fast.1)),
        false => format!(
            "{} answered {} messages a second, {} {}",
            fast.0,
            short(fast.1),
            slow.0,
            short(slow.1)
        ),
    };
    format!("Once connected, {rates}; {all}.")
}

fn idle(results: &Results) -> String {
    let user = models(results, Measure::UserMemoryPerIdleConnectionBytes);
    let kernel = models(results, Measure::KernelMemoryPerIdleConnectionBytes);
    let served = models(results, Measure::ServedIdleConnections);
    // What a server has not taken up costs it nothing, so only those that served all compare.
    let totals: Vec<(&str, f64)> = user
        .iter()
        .zip(&kernel)
        .zip(&served)
        .filter(|(_, (_, count))| *count == IDLE_CONNECTIONS as f64)
        .map(|(((name, user), (_, kernel)), _)| (*name, user + kernel))
        .collect();
    let (Some(small), Some(large)) = (least(&totals), most(&totals)) else {
        return format!("None of these served {IDLE_CONNECTIONS} idle connections at once.");
    };
    let fit = |bytes: f64| short(f64::from(1 << 30) / bytes);
    if small.0 == large.0 {
        let (name, bytes) = small;
        return format!(
            "An idle connection held {} KiB under {name}, so a GiB holds {} of them.",
            short(bytes / 1024.0),
            fit(bytes)
        );
    }
    format!(
        "An idle connection held {} KiB under {} and {} KiB under {}: a GiB holds {} or {} of them.",
        short(small.1 / 1024.0),
        small.0,
        short(large.1 / 1024.0),
        large.0,
        fit(small.1),
        fit(large.1)
    )
}

/// The medians of the models, without the floor.
fn models(results: &Results, measure: Measure) -> Vec<(&'static str, f64)> {
    let mut medians = results.medians(measure);
    medians.retain(|(name, _)| *name != floor::MODEL.name);
    medians
}

fn floor_of(results: &Results, measure: Measure) -> f64 {
    let medians = results.medians(measure);
    medians.iter().find(|(name, _)| *name == floor::MODEL.name).map_or(f64::NAN, |floor| floor.1)
}

fn least<'a>(medians: &[(&'a str, f64)]) -> Option<(&'a str, f64)> {
    medians.iter().copied().min_by(|one, other| one.1.total_cmp(&other.1))
}

fn most<'a>(medians: &[(&'a str, f64)]) -> Option<(&'a str, f64)> {
    medians.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1))
}
