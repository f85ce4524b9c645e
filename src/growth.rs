//! What idle connections hold as they grow in number, and what memory costs a fork.

use std::time::Duration;

use anyhow::Context;
use client::load::{Extent, Load};
use serde::Serialize;
use server_core::Model;

use crate::measure::{Bench, in_turn};
use crate::memory::{self, IdleMemory};
use crate::models::{room, served_at_once};
use crate::results::Sample;
use crate::table::{grid, short};

/// How many idle connections, if nobody says otherwise.
pub const CONNECTIONS: [usize; 3] = [100, 1000, 10_000];

const KIB: f64 = 1024.0;

/// One model over all numbers of idle connections.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// The model's name.
    pub model: &'static str,
    /// What was measured, from few connections to many.
    pub holdings: Vec<IdleMemory>,
    /// What made the model fail at a greater number.
    pub failed_at: Option<(usize, String)>,
    /// What each further connection holds in user space: the fitted slope.
    pub user_kib_per_connection: f64,
    /// The same in the kernel.
    pub kernel_kib_per_connection: f64,
}

/// What connections cost a forking server that holds so much memory itself.
#[derive(Clone, Debug, Serialize)]
pub struct Ballast {
    /// What the parent holds.
    pub ballast_mib: u64,
    /// Connections per second, 32 clients at a time.
    pub connections_per_second: Sample,
    /// CPU time of the server and its children for a connection.
    pub server_cpu_per_connection_microseconds: Sample,
}

/// Measures a model, with these options, with each number of idle connections, up to the first that
/// the model or the machine cannot hold. Calls `progress` before each.
///
/// # Errors
///
/// When the server cannot be started at all.
pub fn measure(
    bench: &Bench,
    model: &Model,
    options: &[&str],
    connections: &[usize],
    mut progress: impl FnMut(String),
) -> anyhow::Result<Growth> {
    let (mut holdings, mut failed_at) = (Vec::new(), None);
    for count in connections {
        progress(format!("{}: {count} idle connections", model.name));
        if *count > room(model) {
            let reason = format!("it takes on and lets wait {} at most", room(model));
            failed_at = Some((*count, reason));
            break;
        }
        let server = bench.start(model, options).context(model.name)?;
        match memory::measure(server, *count, served_at_once(model, *count)) {
            Ok(holding) => holdings.push(holding),
            Err(error) => {
                failed_at = Some((*count, error.to_string()));
                break;
            }
        }
    }
    Ok(Growth {
        model: model.name,
        user_kib_per_connection: slope(&holdings, |it| it.user),
        kernel_kib_per_connection: slope(&holdings, |it| it.kernel),
        holdings,
        failed_at,
    })
}

/// Measures what a connection costs a forking server with each of these ballasts.
///
/// # Errors
///
/// When a server or a client fails.
pub fn measure_ballast(
    bench: &Bench,
    fork: &Model,
    ballasts_mib: &[u64],
    rounds: usize,
    mut progress: impl FnMut(String),
) -> anyhow::Result<Vec<Ballast>> {
    let new = |ballast_mib: &u64| Ballast {
        ballast_mib: *ballast_mib,
        connections_per_second: Sample::default(),
        server_cpu_per_connection_microseconds: Sample::default(),
    };
    let mut all: Vec<Ballast> = ballasts_mib.iter().map(new).collect();
    let (warm_up, duration) = (Duration::from_millis(50), Duration::from_millis(300));
    for round in 0..rounds {
        for index in in_turn(all.len(), round) {
            let ballast = &mut all[index];
            progress(format!("fork: {} MiB of ballast", ballast.ballast_mib));
            let mib = ballast.ballast_mib.to_string();
            let cost = bench.put(fork, &["--ballast-mib", &mib], |server| Load {
                messages_per_connection: Some(1),
                ..Load::strict(server, 32, Extent::Time { warm_up, duration })
            })?;
            ballast.connections_per_second.push(cost.outcome.connections_per_second());
            let cpu = cost.server_cpu.as_secs_f64() * 1e6;
            let each = cpu / cost.outcome.all_connections.max(1) as f64;
            ballast.server_cpu_per_connection_microseconds.push(each);
        }
    }
    Ok(all)
}

/// The slope of the line that fits best (least squares), in KiB per connection.
fn slope(holdings: &[IdleMemory], bytes: fn(&IdleMemory) -> f64) -> f64 {
    let count = holdings.len() as f64;
    let mean = |of: &dyn Fn(&IdleMemory) -> f64| holdings.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|it| it.connections as f64), mean(&bytes));
    let covariance = mean(&|it| (it.connections as f64 - x) * (bytes(it) - y));
    let variance = mean(&|it| (it.connections as f64 - x).powi(2));
    match holdings {
        [] => 0.0,
        [one] => bytes(one) / one.connections as f64 / KIB,
        _ => covariance / variance / KIB,
    }
}

/// The table: a row a model and a number, in 80 columns.
pub fn render(all: &[Growth]) -> String {
    let columns =
        ["connections", "served", "user KiB", "kernel KiB", "processes", "threads", "files"];
    grid("", columns, rows(all))
}

/// The table's rows. Memory is per connection; the rest is what the server has in all.
pub fn rows(all: &[Growth]) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    for growth in all {
        for holding in &growth.holdings {
            let each = |bytes: f64| short(bytes / holding.connections as f64 / KIB);
            let cells = vec![
                holding.connections.to_string(),
                holding.served.to_string(),
                each(holding.user),
                each(holding.kernel),
                holding.processes.to_string(),
                holding.threads.to_string(),
                holding.descriptors.to_string(),
            ];
            rows.push((growth.model.to_owned(), cells));
        }
    }
    rows
}

/// The ballast's table.
pub fn render_ballast(all: &[Ballast]) -> String {
    grid("ballast MiB", ["connections/s", "server CPU µs"], ballast_rows(all))
}

/// The ballast's rows.
pub fn ballast_rows(all: &[Ballast]) -> Vec<(String, Vec<String>)> {
    let cell = |sample: &Sample| crate::table::with_spread(sample, 1.0);
    let row = |it: &Ballast| {
        let cpu = cell(&it.server_cpu_per_connection_microseconds);
        (it.ballast_mib.to_string(), vec![cell(&it.connections_per_second), cpu])
    };
    all.iter().map(row).collect()
}

/// What each further connection holds, model by model, and what fork pays for its memory.
pub fn conclusion(all: &[Growth], ballast: &[Ballast]) -> Vec<String> {
    let mut sentences: Vec<String> = all.iter().map(sentence).collect();
    if let [first, .., last] = ballast {
        let cpu = |it: &Ballast| it.server_cpu_per_connection_microseconds.median();
        sentences.push(format!(
            "A connection costs fork {} µs of CPU with {} MiB of ballast and {} µs with {} MiB: a \
             fork copies the page tables of all that its parent has touched.",
            short(cpu(first)),
            first.ballast_mib,
            short(cpu(last)),
            last.ballast_mib
        ));
    }
    sentences
}

fn sentence(growth: &Growth) -> String {
    let (user, kernel) = (growth.user_kib_per_connection, growth.kernel_kib_per_connection);
    let all_served = growth.holdings.iter().all(|it| it.served == it.connections);
    let waiting = match all_served {
        true => "",
        false => "; most of them wait to be served, and are little more than a socket",
    };
    let failed = match &growth.failed_at {
        Some((count, reason)) => format!("; {count} could not be held ({reason})"),
        None => String::new(),
    };
    format!(
        "{}: each further connection holds {} KiB in user space and {} KiB in the kernel{waiting}\
         {failed}.",
        growth.model,
        short(user.max(0.0)),
        short(kernel.max(0.0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(connections: usize, user: f64) -> IdleMemory {
        let served = connections;
        IdleMemory {
            connections,
            served,
            user,
            kernel: 0.0,
            processes: 1,
            threads: 1,
            descriptors: 9,
        }
    }

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        let line = |count: usize| holding(count, 5000.0 + 3.0 * KIB * count as f64);
        let fitted = slope(&[line(100), line(1000), line(10_000)], |it| it.user);
        assert!((fitted - 3.0).abs() < 1e-9, "{fitted}");
        assert_eq!(slope(&[holding(10, 20.0 * KIB)], |it| it.user), 2.0);
        assert_eq!(slope(&[], |it| it.user), 0.0);
    }
}
