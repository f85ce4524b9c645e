//! What each model does as its clients grow in number.

use std::time::Duration;

use anyhow::Context;
use client::load::{Extent, Load};
use serde::Serialize;
use server_core::Model;

use crate::floor::MESSAGE_SIZE;
use crate::measure::{Bench, Cost, in_turn};
use crate::results::Sample;
use crate::table::{grid, short, with_spread};

/// How many clients, if nobody says otherwise.
pub const CLIENTS: [usize; 6] = [1, 4, 16, 64, 256, 1024];

/// What to measure, and how thoroughly.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many clients at a time, from few to many.
    pub clients: Vec<usize>,
    /// How often each is measured.
    pub rounds: usize,
    /// How long each load runs before it is measured.
    pub warm_up: Duration,
    /// How long each load is measured.
    pub duration: Duration,
}

/// What was measured with so many clients.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Point {
    /// How many clients at a time.
    pub clients: usize,
    /// Connections (connect, one echo, `Bye`, end) per second.
    pub connections_per_second: Sample,
    /// CPU time of the server for a connection.
    pub server_cpu_per_connection_microseconds: Sample,
    /// How often the server's threads and children were switched for a connection.
    pub context_switches_per_connection: Sample,
    /// Messages per second over warm connections.
    pub messages_per_second: Sample,
    /// The median latency of a message.
    pub message_p50_microseconds: Sample,
    /// The latency that one message in a hundred exceeds.
    pub message_p99_microseconds: Sample,
    /// CPU time of the server for a message.
    pub server_cpu_per_message_microseconds: Sample,
    /// How many clients were answered at all while messages were measured.
    pub answered_clients: Sample,
    /// What the client itself used of one CPU while messages were measured, in percent.
    pub client_cpu_percent: Sample,
}

/// One model over all numbers of clients.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// The model's name.
    pub model: &'static str,
    /// From few clients to many.
    pub points: Vec<Point>,
}

impl Plan {
    /// Under two minutes for all models.
    pub fn thorough(clients: Vec<usize>) -> Self {
        let (warm_up, duration) = (Duration::from_millis(100), Duration::from_millis(300));
        Plan { clients, rounds: 3, warm_up, duration }
    }

    /// In a quarter of that, with more noise.
    pub fn quick(clients: Vec<usize>) -> Self {
        let (warm_up, duration) = (Duration::from_millis(30), Duration::from_millis(80));
        Plan { clients, rounds: 2, warm_up, duration }
    }

    /// How many steps [`run`](Self::run) takes.
    pub fn steps(&self, models: &[Model]) -> usize {
        self.rounds * self.clients.len() * models.len()
    }

    /// Measures all models in interleaved rounds, and calls `progress` before each step.
    ///
    /// # Errors
    ///
    /// When a server or a client fails.
    pub fn run(
        &self,
        bench: &Bench,
        models: &[Model],
        mut progress: impl FnMut(String),
    ) -> anyhow::Result<Vec<Curve>> {
        let point = |clients: &usize| Point { clients: *clients, ..Point::default() };
        let curve = |model: &Model| Curve {
            model: model.name,
            points: self.clients.iter().map(point).collect(),
        };
        let mut curves: Vec<Curve> = models.iter().map(curve).collect();
        for round in 0..self.rounds {
            for step in 0..self.clients.len() {
                for index in in_turn(models.len(), round) {
                    let (model, point) = (&models[index], &mut curves[index].points[step]);
                    let name = format!("{}: {} clients", model.name, point.clients);
                    progress(name.clone());
                    self.measure(bench, model, point).context(name)?;
                }
            }
        }
        Ok(curves)
    }

    fn measure(&self, bench: &Bench, model: &Model, point: &mut Point) -> anyhow::Result<()> {
        let clients = point.clients;
        let load = |messages_per_connection, warm_up, duration| {
            move |server| Load {
                messages_per_connection,
                message_size: MESSAGE_SIZE,
                // An iterative server lets a thousand clients wait for long.
                patience: Duration::from_secs(60),
                ..Load::strict(server, clients, Extent::Time { warm_up, duration })
            }
        };
        let (warm_up, duration) = (self.warm_up, self.duration);
        let connections = bench.put(model, &[], load(Some(1), warm_up, duration))?;
        point.add_connections(&connections);
        let idle = bench.put(model, &[], load(None, Duration::ZERO, Duration::ZERO))?;
        let messages = bench.put(model, &[], load(None, warm_up, duration))?;
        point.add_messages(&messages, &idle);
        Ok(())
    }
}

impl Point {
    fn add_connections(&mut self, cost: &Cost) {
        let all = cost.outcome.all_connections.max(1) as f64;
        self.connections_per_second.push(cost.outcome.connections_per_second());
        let cpu = cost.server_cpu.as_secs_f64() * 1e6;
        self.server_cpu_per_connection_microseconds.push(cpu / all);
        self.context_switches_per_connection.push(cost.context_switches as f64 / all);
    }

    /// `idle` is what the start, the connecting and the stop cost without a message.
    fn add_messages(&mut self, cost: &Cost, idle: &Cost) {
        let outcome = &cost.outcome;
        let quantile = |quantile| outcome.message_latency.value_at_quantile(quantile) as f64 / 1e3;
        self.messages_per_second.push(outcome.messages_per_second());
        self.message_p50_microseconds.push(quantile(0.5));
        self.message_p99_microseconds.push(quantile(0.99));
        let cpu = cost.server_cpu.saturating_sub(idle.server_cpu).as_secs_f64() * 1e6;
        let messages = outcome.all_messages.saturating_sub(idle.outcome.all_messages).max(1) as f64;
        self.server_cpu_per_message_microseconds.push(cpu / messages);
        self.answered_clients.push(outcome.answered_connections as f64);
        self.client_cpu_percent.push(outcome.client_share() * 100.0);
    }
}

/// One figure of all points: its heading, what it is, and what one of its units is.
pub struct Figure {
    /// What it is, with its unit.
    pub heading: &'static str,
    /// Where it stands in a point.
    pub of: fn(&Point) -> &Sample,
    /// What it is divided by to be in that unit.
    pub unit: f64,
}

/// The figures, in the order of the tables and plots.
pub const FIGURES: [Figure; 9] = [
    Figure { heading: "Connections per second", of: |it| &it.connections_per_second, unit: 1.0 },
    Figure {
        heading: "Server CPU per connection, µs",
        of: |it| &it.server_cpu_per_connection_microseconds,
        unit: 1.0,
    },
    Figure {
        heading: "Context switches per connection",
        of: |it| &it.context_switches_per_connection,
        unit: 1.0,
    },
    Figure { heading: "Messages per second", of: |it| &it.messages_per_second, unit: 1.0 },
    Figure {
        heading: "Message latency, median, ms",
        of: |it| &it.message_p50_microseconds,
        unit: 1e3,
    },
    Figure {
        heading: "Message latency, p99, ms",
        of: |it| &it.message_p99_microseconds,
        unit: 1e3,
    },
    Figure {
        heading: "Server CPU per message, µs",
        of: |it| &it.server_cpu_per_message_microseconds,
        unit: 1.0,
    },
    Figure { heading: "Clients answered at all", of: |it| &it.answered_clients, unit: 1.0 },
    Figure {
        heading: "The load's own CPU, % of one, during messages",
        of: |it| &it.client_cpu_percent,
        unit: 1.0,
    },
];

/// The tables, one a figure.
pub fn render(curves: &[Curve]) -> String {
    let tables = FIGURES.iter().map(|figure| {
        let names = curves.iter().map(|curve| curve.model);
        format!("{}\n{}", figure.heading, grid("clients", names, rows(curves, figure)))
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// A figure's rows: a number of clients, and a cell a model.
pub fn rows(curves: &[Curve], figure: &Figure) -> Vec<(String, Vec<String>)> {
    let clients = curves.first().map_or(&[][..], |curve| &curve.points);
    let row = |(index, point): (usize, &Point)| {
        let cells = curves.iter().map(|curve| curve.points.get(index));
        let cell = |it: Option<&Point>| {
            it.map_or("n/a".to_owned(), |it| with_spread((figure.of)(it), figure.unit))
        };
        (point.clients.to_string(), cells.map(cell).collect())
    };
    clients.iter().enumerate().map(row).collect()
}

/// Where each model bends: what a connection costs with the fewest clients and with the most.
pub fn conclusion(curves: &[Curve]) -> Vec<String> {
    curves.iter().filter_map(bend).collect()
}

fn bend(curve: &Curve) -> Option<String> {
    let (first, last) = (curve.points.first()?, curve.points.last()?);
    let cost = |point: &Point| point.server_cpu_per_connection_microseconds.median();
    let rate = |point: &Point| point.connections_per_second.median();
    let best = curve.points.iter().max_by(|one, other| rate(one).total_cmp(&rate(other)))?;
    let clients = |point: &Point| match point.clients {
        1 => "1 client".to_owned(),
        count => format!("{count} clients"),
    };
    let switches = |point: &Point| short(point.context_switches_per_connection.median());
    Some(format!(
        "{}: a connection costs {} µs of CPU and {} context switches with {}, {} µs and {} with {}; \
         it serves most connections a second, {}, to {}.",
        curve.model,
        short(cost(first)),
        switches(first),
        clients(first),
        short(cost(last)),
        switches(last),
        clients(last),
        short(rate(best)),
        clients(best),
    ))
}
