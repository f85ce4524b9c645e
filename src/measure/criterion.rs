//! What the benchmarks of a connection left in their files, side by side.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::models::{Contestant, MODELS};
use crate::results::number::{NOTHING, short, short_or_nothing};
use crate::results::table::Table;

/// What an iteration of a benchmark cost the server and its children.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ServerCpu {
    cpu_nanoseconds_per_iteration: f64,
}

impl ServerCpu {
    const FILE: &str = "server_cpu.json";

    /// The CPU time of this many iterations.
    pub fn new(cpu: Duration, iterations: u64) -> Self {
        ServerCpu { cpu_nanoseconds_per_iteration: cpu.as_nanos() as f64 / iterations as f64 }
    }

    /// Writes it to the directory of a benchmark, which need not be there yet.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join(Self::FILE), serde_json::to_string(self)?)
    }

    fn read(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(directory.join(Self::FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Where criterion keeps its files: beside the build of the program that runs.
pub fn directory() -> PathBuf {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return home.into();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let mut profiles = program.ancestors().filter(|place| place.ends_with("release"));
    let target = profiles.next().and_then(Path::parent);
    target.unwrap_or(Path::new("target")).join("criterion")
}

/// Criterion's estimate of one figure.
#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// What criterion keeps of a benchmark, as far as it is used here.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
    median_abs_dev: Estimate,
}

/// One row's figures, in nanoseconds.
struct Figures {
    time: f64,
    deviation: f64,
    cpu: Option<f64>,
}

/// A group of benchmarks that time a connection.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// How many clients there are at once, where that stands in the names of its benchmarks.
    pub clients: Option<&'static str>,
    caption: &'static str,
}

/// One connection after the other.
pub const ALONE: Group =
    Group { name: "connection", clients: None, caption: "One connection after the other" };

/// Many connections at once: what they cost each other shows here, and nowhere else.
pub const AMONG_MANY: Group = Group {
    name: "concurrent_connections",
    clients: Some("32"),
    caption: "32 clients at once, time a connection",
};

fn figures(directory: &Path, group: Group, name: &str) -> Option<Figures> {
    let mut benchmark = directory.join(group.name).join(name);
    benchmark.extend(group.clients);
    let text = fs::read_to_string(benchmark.join("new/estimates.json")).ok()?;
    let estimates: Estimates = serde_json::from_str(&text).ok()?;
    Some(Figures {
        time: estimates.median.point_estimate,
        deviation: estimates.median_abs_dev.point_estimate,
        cpu: ServerCpu::read(&benchmark).map(|cpu| cpu.cpu_nanoseconds_per_iteration),
    })
}

/// A group: a row a model, with what its comfort costs beside its bare server. Nothing where there are no
/// figures.
pub fn table(directory: &Path, group: Group) -> Option<Table> {
    let of = |name: &str| figures(directory, group, name);
    let floor = Contestant::floor().name;
    let to_floor = of(&floor);
    let row = |(name, bare): (String, Option<String>)| {
        let row = of(&name)?;
        let ratio = |to: Option<&Figures>| {
            to.map_or(NOTHING.to_owned(), |to| format!("{:.2}", row.time / to.time))
        };
        let bare = bare.and_then(|bare| of(&bare));
        let cells = vec![
            format!("{} ± {}", short(row.time / 1e3), short(row.deviation / 1e3)),
            ratio(bare.as_ref()),
            ratio(to_floor.as_ref()),
            short_or_nothing(row.cpu.map(|cpu| cpu / 1e3)),
        ];
        Some((name, cells))
    };
    let models = MODELS.iter().map(|it| {
        let (server, bare) = (Contestant::server(it), Contestant::bare(it));
        (server.name, Some(bare.name))
    });
    let rows: Vec<_> = models.chain([(floor, None)]).filter_map(row).collect();
    let columns = ["µs a connection", "to its bare server", "to the floor", "server CPU, µs"];
    (!rows.is_empty()).then(|| Table {
        caption: format!("{}: median ± median absolute deviation", group.caption),
        columns: columns.map(str::to_owned).into(),
        rows,
        legend:
            "bare server: the same model in src/bare.rs; floor: a server that only sends back what it \
                 reads."
                .to_owned(),
        ..Table::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves the files of criterion and of a benchmark: its time and CPU time, in nanoseconds.
    fn leave(benchmark: &Path, time: f64, cpu: u64) {
        let new = benchmark.join("new");
        fs::create_dir_all(&new).unwrap();
        let estimate = |value: f64| format!(r#"{{"point_estimate":{value}}}"#);
        let [median, deviation] = [time, time / 100.0].map(estimate);
        let text = format!(r#"{{"median":{median},"median_abs_dev":{deviation}}}"#);
        fs::write(new.join("estimates.json"), text).unwrap();
        ServerCpu::new(Duration::from_nanos(cpu), 1).write(benchmark).unwrap();
    }

    #[test]
    fn a_group_is_read_with_as_many_clients_as_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let name = MODELS[0].model.name;
        let group = directory.path().join(AMONG_MANY.name);
        leave(&group.join(name).join("32"), 60_000.0, 45_000);
        leave(&group.join(name).join("8"), 70_000.0, 1);
        leave(&group.join("floor").join("32"), 40_000.0, 20_000);
        let table = table(directory.path(), AMONG_MANY).unwrap();
        let cells = ["60 ± 0.60", "-", "1.50", "45"].map(str::to_owned);
        assert_eq!(table.rows[0], (name.to_owned(), cells.to_vec()));
        assert_eq!(table.rows.len(), 2);
        assert!(super::table(directory.path(), ALONE).is_none());
    }
}
