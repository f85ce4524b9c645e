//! Measures how each model behaves as the number of clients grows.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use client::load::{Extent, Load};
use server_core::AtOnce;

use super::{Experiment, Part, from_few_to_many};
use crate::measure::cost::Cost;
use crate::measure::lab::{Lab, Window, in_rounds};
use crate::models::Contestant;
use crate::results::number::{short, time};
use crate::results::plot::{Axes, Line, Point, picture};
use crate::results::sample::{Figure, Samples, count, figure};
use crate::results::section::{CLIENT_CPU, PER_SECOND, Picture, Section, Table, cell};
use crate::results::{self, Place, Row};
use crate::servers::floor::MESSAGE_SIZE;

/// The experiment.
pub(super) struct Scale;

/// What it is told.
#[derive(clap::Args)]
pub(super) struct Options {
    /// How many clients at a time, from few to many [default: 1,16,128,1024]
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    clients: Vec<usize>,
}

impl Options {
    fn clients(&self, lab: &Lab) -> Vec<usize> {
        from_few_to_many(match (self.clients.as_slice(), lab.quick) {
            ([], false) => vec![1, 16, 128, 1024],
            ([], true) => vec![1, 256],
            (clients, _) => clients.to_vec(),
        })
    }
}

/// One model over all numbers of clients.
pub(super) struct Curve {
    model: String,
    colour: u32,
    /// From few clients to many.
    points: Vec<Measured>,
    /// Whether the model serves all its clients at once.
    serves_all: bool,
    /// With how many clients it was not measured, and why.
    left_out: Option<(usize, String)>,
}

/// What was measured with this many clients.
#[derive(Default)]
struct Measured {
    clients: usize,
    connections: Samples,
    messages: Samples,
}

/// How often each is measured.
const ROUNDS: usize = 4;

/// Of connections: connect, one echo, `Bye`, end. The load's own CPU only marks the rate.
const CONNECTIONS: [Figure<Cost>; 4] = [
    figure("connections", PER_SECOND, "Connections per second", 1.0, Cost::connections_per_second),
    figure(
        "server CPU per connection",
        "µs",
        "Server CPU per connection, µs",
        1.0,
        Cost::server_cpu_per_connection,
    ),
    figure(
        "context switches per connection",
        "",
        "Context switches per connection",
        1.0,
        Cost::context_switches_per_connection,
    ),
    figure(
        CLIENT_CPU,
        "%",
        "The load's own CPU during connections, %",
        1.0,
        Cost::client_cpu_percent,
    ),
];

/// Of messages over warm connections.
const MESSAGES: [Figure<Cost>; 6] = [
    figure("messages", PER_SECOND, "Messages per second", 1.0, Cost::messages_per_second),
    figure(
        "message latency median",
        "µs",
        "Message latency in a closed loop, median, ms",
        1e3,
        |it| it.message_latency(0.5),
    ),
    figure("message latency p99", "µs", "Message latency in a closed loop, p99, ms", 1e3, |it| {
        it.message_latency(0.99)
    }),
    figure(
        "server CPU per message",
        "µs",
        "Server CPU per message, µs",
        1.0,
        Cost::server_cpu_per_message,
    ),
    count("answered clients", "Clients answered at all", Cost::answered_clients),
    figure(CLIENT_CPU, "%", "The load's own CPU during messages, %", 1.0, Cost::client_cpu_percent),
];

/// Which samples of a point a figure is in.
type Of = fn(&Measured) -> &Samples;

const OF_CONNECTIONS: Of = |point| &point.connections;
const OF_MESSAGES: Of = |point| &point.messages;

/// The figures that are shown, and where: all of connections but the load's own CPU, and all of messages.
fn shown() -> impl Iterator<Item = (Of, &'static Figure<Cost>)> {
    let connections = CONNECTIONS[..3].iter().map(|figure| (OF_CONNECTIONS, figure));
    connections.chain(MESSAGES.iter().map(|figure| (OF_MESSAGES, figure)))
}

impl Experiment for Scale {
    const NAME: &'static str = "scale";
    const TITLE: &'static str = "As the clients grow in number";
    const ABOUT: &'static str = "Measures how each model behaves as the number of clients grows";
    const QUICK: &'static str = "2 rounds of 80 ms with 1 and 256 clients";
    const TAKES_FOREIGN: bool = true;
    const PARTS: &'static [Part] = &[Part {
        name: Self::NAME,
        title: Self::TITLE,
        arguments: &["--clients", "1,16,1024"],
        quick_arguments: &["--clients", "256"],
    }];
    type Options = Options;
    type Figures = Vec<Curve>;

    fn connections(lab: &Lab, options: &Options) -> usize {
        options.clients(lab).into_iter().min().unwrap_or_default()
    }

    fn seconds(lab: &Lab, options: &Options) -> f64 {
        let measurements = 2 * rounds(lab.quick) * options.clients(lab).len();
        (measurements * lab.contestants.len()) as f64 * window(lab.quick).seconds()
    }

    fn measure(lab: &Lab, options: &Options) -> anyhow::Result<Vec<Curve>> {
        let clients = options.clients(lab);
        let rounds = rounds(lab.quick);
        let new = |it: &Contestant| Curve {
            model: it.name.clone(),
            colour: it.colour,
            points: clients
                .iter()
                .map(|it| Measured { clients: *it, ..Measured::default() })
                .collect(),
            serves_all: it.model.at_once == AtOnce::All,
            left_out: None,
        };
        let mut curves: Vec<Curve> = lab.contestants.iter().map(new).collect();
        let steps = clients.len() * curves.len();
        let progress = lab.progress(rounds * steps);
        in_rounds(rounds, steps, |step| {
            let (index, contestant) = (step / curves.len(), &lab.contestants[step % curves.len()]);
            let curve = &mut curves[step % lab.contestants.len()];
            let point = &mut curve.points[index];
            if let Some(lack) = lab.limits.lack(contestant, point.clients) {
                curve.left_out.get_or_insert((point.clients, lack));
                return Ok(());
            }
            progress.step(format!("{}: {} clients", contestant.name, point.clients));
            let what = format!("{} clients", point.clients);
            lab.attempt(contestant, &what, || point.measure(lab, contestant)).map(drop)
        })?;
        Ok(curves)
    }

    fn rows(curves: &Vec<Curve>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (curve, point) in
            curves.iter().flat_map(|it| it.points.iter().map(move |point| (it, point)))
        {
            let place = |load: &str| {
                Place::of(&curve.model).with("load", load).with("clients", point.clients)
            };
            results::add(&mut rows, &place("connections"), &CONNECTIONS, &point.connections);
            results::add(&mut rows, &place("messages"), &MESSAGES, &point.messages);
        }
        rows
    }

    fn show(curves: &Vec<Curve>) -> Section {
        let pictures = shown().map(|(of, figure)| plot(curves, of, figure));
        let unanswered = curves.iter().filter_map(Curve::unanswered);
        let left_out = curves.iter().filter_map(Curve::left_out);
        let rounds = curves
            .first()
            .and_then(|it| it.points.first())
            .map_or(0, |point| point.connections.get(CONNECTIONS[0].name).count());
        Section {
            sentences: curves.iter().filter_map(bend).chain(unanswered).chain(left_out).collect(),
            pictures: pictures.flatten().collect(),
            tables: shown().map(|(of, figure)| table(curves, of, figure)).collect(),
            method: format!(
                "Closed loops: a client waits for each answer. Medians of {rounds} interleaved \
                 rounds ± half their range."
            ),
        }
    }
}

fn window(quick: bool) -> Window {
    if quick { Window::milliseconds(30, 80) } else { Window::milliseconds(75, 225) }
}

fn rounds(quick: bool) -> usize {
    if quick { 2 } else { ROUNDS }
}

impl Curve {
    /// Where clients were connected and not answered within the time, though the model serves all.
    fn unanswered(&self) -> Option<String> {
        let answered = |it: &Measured| it.messages.median(MESSAGES[4].name);
        let few = |it: &&Measured| answered(it).is_some_and(|count| count < it.clients as f64);
        let point = self.points.iter().find(few).filter(|_| self.serves_all)?;
        Some(format!(
            "{}: of {} clients {:.0} were answered within the measurement.",
            self.model,
            point.clients,
            answered(point).unwrap_or_default()
        ))
    }

    fn left_out(&self) -> Option<String> {
        let (clients, reason) = self.left_out.as_ref()?;
        Some(format!("{}: not measured with {clients} clients or more: {reason}.", self.model))
    }
}

impl Measured {
    fn measure(&mut self, lab: &Lab, contestant: &Contestant) -> anyhow::Result<()> {
        let window = window(lab.quick);
        let clients = self.clients;
        // An iterative server lets a thousand clients wait for long; one that is not ours may hang.
        let patience = Duration::from_secs(if contestant.foreign.is_none() { 60 } else { 15 });
        let load = |messages_per_connection| {
            move |server, extent: Extent| Load {
                messages_per_connection,
                message_size: MESSAGE_SIZE,
                patience,
                ..Load::strict(server, clients, extent)
            }
        };
        let connections = lab.measure(contestant, window, load(Some(1)))?;
        let messages = lab.measure(contestant, window, load(None))?;
        self.connections.add(&CONNECTIONS, &connections);
        self.messages.add(&MESSAGES, &messages);
        Ok(())
    }
}

fn plot(curves: &[Curve], of: Of, figure: &Figure<Cost>) -> Option<Picture> {
    let curves = curves.iter().map(|it| (it.model.as_str(), it.colour, it.points.as_slice()));
    let lines = Line::all(curves, |it: &Measured| {
        Point::of(it.clients as f64, of(it).get(figure.name), figure.scale)
    });
    // The caption says the rest.
    let unit = figure.label.rsplit_once(", ").map_or(figure.label, |(_, unit)| unit);
    let axes = Axes { title: figure.label, x: "clients at a time", y: unit, even: false };
    picture(&axes, &lines)
}

/// A figure's table: a row a model, a column a number of clients.
fn table(curves: &[Curve], of: Of, figure: &Figure<Cost>) -> Table {
    let points = curves.first().map_or(&[][..], |curve| &curve.points);
    let row = |curve: &Curve| {
        let cells = curve.points.iter().map(|point| cell(of(point), figure));
        (curve.model.clone(), cells.collect())
    };
    Table {
        caption: figure.label.to_owned(),
        corner: "clients",
        columns: points.iter().map(|point| point.clients.to_string()).collect(),
        rows: curves.iter().map(row).collect(),
        ..Table::default()
    }
}

/// Where a model bends: what a connection costs with the fewest clients and with the most.
fn bend(curve: &Curve) -> Option<String> {
    let mut measured =
        curve.points.iter().filter(|it| it.connections.median(CONNECTIONS[0].name).is_some());
    let (first, last) = (measured.clone().next()?, measured.next_back()?);
    let [rate, cost, switches] = [0, 1, 2].map(|number: usize| {
        move |point: &Measured| point.connections.get(CONNECTIONS[number].name).median()
    });
    // Of a server that is not ours there may be its rate alone.
    first.connections.median(CONNECTIONS[2].name)?;
    let best = curve.points.iter().max_by(|one, other| rate(one).total_cmp(&rate(other)))?;
    let clients = |point: &Measured| match point.clients {
        1 => "1 client".to_owned(),
        count => format!("{count} clients"),
    };
    let costs = |point: &Measured| (time(cost(point)), short(switches(point)), clients(point));
    let ((cpu, switches, few), name) = (costs(first), &curve.model);
    if first.clients == last.clients {
        let rate = short(rate(first));
        return Some(format!(
            "{name}: a connection costs {cpu} of CPU and {switches} context switches with {few}, who are \
             served {rate} connections a second."
        ));
    }
    let (last_cpu, last_switches, many) = costs(last);
    Some(format!(
        "{name}: a connection costs {cpu} of CPU and {switches} context switches with {few}, {last_cpu} \
         and {last_switches} with {many}; its best rate was {} connections a second, with {}.",
        short(rate(best)),
        clients(best),
    ))
}
