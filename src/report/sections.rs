//! What each experiment contributes to the report.

use super::{Picture, Section, Table};
use crate::crash::Observation;
use crate::growth::{Ballast, Growth};
use crate::overload;
use crate::plot::{Axes, Line, Point, draw};
use crate::results::{Results, Sample};
use crate::scale::{self, Curve, FIGURES, Figure};
use crate::timeline::{self, Panel, Plan};
use crate::{conclusion, crash as deaths, growth as held, table};

/// The comparison of all models and the floor.
pub fn comparison(results: &Results, method: String) -> Section {
    let columns = results.servers().map(str::to_owned).collect();
    let table = Table {
        caption: "Medians ± half the range of the rounds".to_owned(),
        corner: "",
        columns,
        rows: table::cells(results),
    };
    Section {
        name: "comparison",
        title: "What a connection, a message and an idle client cost",
        sentences: conclusion::sentences(results).into(),
        pictures: Vec::new(),
        tables: vec![table],
        method,
        command: command(""),
    }
}

/// The curves over the number of clients.
///
/// # Errors
///
/// When there is nothing to draw.
pub fn scale(curves: &[Curve], method: String) -> anyhow::Result<Section> {
    let pictures = FIGURES.iter().map(|figure| picture_of_scale(curves, figure));
    let tables = FIGURES.iter().map(|figure| Table {
        caption: figure.heading.to_owned(),
        corner: "clients",
        columns: curves.iter().map(|curve| curve.model.to_owned()).collect(),
        rows: scale::rows(curves, figure),
    });
    Ok(Section {
        name: "scale",
        title: "As the clients grow in number",
        sentences: scale::conclusion(curves),
        pictures: pictures.collect::<anyhow::Result<_>>()?,
        tables: tables.collect(),
        method,
        command: command("scale"),
    })
}

fn picture_of_scale(curves: &[Curve], figure: &Figure) -> anyhow::Result<Picture> {
    let point = |it: &scale::Point| point_of(it.clients as f64, (figure.of)(it), figure.unit);
    let line = |curve: &Curve| Line {
        name: curve.model.to_owned(),
        model: curve.model,
        dashed: false,
        points: curve.points.iter().filter_map(point).collect(),
    };
    let lines: Vec<Line> = curves.iter().map(line).collect();
    let axes = Axes { title: figure.heading, x: "clients at a time", y: figure.heading };
    Ok(Picture { caption: figure.heading.to_owned(), svg: draw(&axes, &lines)? })
}

fn point_of(x: f64, sample: &Sample, unit: f64) -> Option<Point> {
    let (low, high) = sample.range()?;
    Some(Point { x, y: sample.median() / unit, range: (low / unit, high / unit) })
}

/// What idle connections hold.
///
/// # Errors
///
/// When there is nothing to draw.
pub fn growth(all: &[Growth], ballast: &[Ballast], method: String) -> anyhow::Result<Section> {
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let line = |growth: &Growth| {
        let point = |it: &crate::memory::IdleMemory| {
            let y = mib(it.user + it.kernel);
            Point { x: it.connections as f64, y, range: (y, y) }
        };
        Line {
            name: growth.model.to_owned(),
            model: growth.model,
            dashed: false,
            points: growth.holdings.iter().map(point).collect(),
        }
    };
    let lines: Vec<Line> = all.iter().map(line).collect();
    let title = "Memory of the server, user and kernel, MiB";
    let axes = Axes { title, x: "idle connections", y: "MiB" };
    let columns =
        ["connections", "served", "user KiB", "kernel KiB", "processes", "threads", "files"];
    let mut tables = vec![Table {
        caption: "Memory per connection, and what the server has in all".to_owned(),
        corner: "model",
        columns: columns.map(str::to_owned).into(),
        rows: held::rows(all),
    }];
    if !ballast.is_empty() {
        tables.push(Table {
            caption: "What a connection costs a forking server that holds memory itself".to_owned(),
            corner: "ballast, MiB",
            columns: ["connections per second", "server CPU, µs"].map(str::to_owned).into(),
            rows: held::ballast_rows(ballast),
        });
    }
    Ok(Section {
        name: "memory",
        title: "What idle connections hold",
        sentences: held::conclusion(all, ballast),
        pictures: vec![Picture { caption: title.to_owned(), svg: draw(&axes, &lines)? }],
        tables,
        method,
        command: command("memory"),
    })
}

/// Who waits for whom.
pub fn timeline(plan: &Plan, panels: &[Panel]) -> Section {
    let caption = format!(
        "{} clients come at once, each with {} messages that take the server {} each",
        plan.clients,
        plan.messages,
        humantime::format_duration(plan.delay)
    );
    Section {
        name: "timeline",
        title: "Who waits for whom",
        sentences: timeline::conclusion(plan, panels),
        pictures: vec![Picture { caption, svg: timeline::draw(plan, panels) }],
        tables: Vec::new(),
        method: "Played once.".to_owned(),
        command: command("timeline"),
    }
}

/// More than a model can serve.
///
/// # Errors
///
/// When there is nothing to draw.
pub fn overload(curves: &[overload::Curve], method: String) -> anyhow::Result<Section> {
    let picture = |title, y, of: fn(&overload::Point) -> f64| {
        let mut seen = Vec::new();
        let line = |curve: &overload::Curve| {
            let dashed = seen.contains(&curve.model);
            seen.push(curve.model);
            let point = |it: &overload::Point| Point {
                x: it.due_per_second,
                y: of(it),
                range: (of(it), of(it)),
            };
            let points = curve.points.iter().map(point).collect();
            Line { name: curve.name.clone(), model: curve.model, dashed, points }
        };
        let lines: Vec<Line> = curves.iter().map(line).collect();
        let axes = Axes { title, x: "new clients a second", y };
        Ok::<_, anyhow::Error>(Picture { caption: title.to_owned(), svg: draw(&axes, &lines)? })
    };
    let columns = ["due/s", "answered/s", "p50, ms", "p99, ms", "gave up", "waiting", "failed"];
    Ok(Section {
        name: "overload",
        title: "More than a model can serve",
        sentences: overload::conclusion(curves),
        pictures: vec![
            picture("Answered", "answered a second", |it| it.answered_per_second)?,
            picture(
                "Latency, p99, of those who were answered before they gave up",
                "milliseconds",
                |it| it.p99_milliseconds,
            )?,
        ],
        tables: vec![Table {
            caption: "A row a server and a rate".to_owned(),
            corner: "server",
            columns: columns.map(str::to_owned).into(),
            rows: overload::rows(curves),
        }],
        method,
        command: command("overload"),
    })
}

/// How far a death reaches.
pub fn crash(observations: &[Observation]) -> Section {
    let columns = [
        "death",
        "watching client",
        "after, ms",
        "blocking client",
        "after, ms",
        "others cut off",
        "new clients served",
    ];
    let row = |seen: &Observation| {
        let cells = vec![
            seen.death.to_string(),
            seen.watching.what.to_string(),
            format!("{:.1}", seen.watching.after_milliseconds),
            seen.blocking.what.to_string(),
            format!("{:.0}", seen.blocking.after_milliseconds),
            format!("{} of {}", seen.cut, seen.others),
            if seen.serves_new_clients { "yes" } else { "no" }.to_owned(),
        ];
        (seen.model.to_owned(), cells)
    };
    Section {
        name: "crash",
        title: "When a handler or its process dies",
        sentences: deaths::conclusion(observations),
        pictures: Vec::new(),
        tables: vec![Table {
            caption: "Who notices what, and who goes along".to_owned(),
            corner: "model",
            columns: columns.map(str::to_owned).into(),
            rows: observations.iter().map(row).collect(),
        }],
        method: "Each death was played twice.".to_owned(),
        command: command("crash"),
    }
}

/// The command that measures a section alone, without the options that the report was given.
fn command(name: &str) -> String {
    match name {
        "" => "cargo run --release".to_owned(),
        name => format!("cargo run --release -- {name}"),
    }
}
