//! The benchmarks of a connection side by side, from the files that they left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

use crate::models::MODELS;
use crate::table::short;

/// What an iteration of a benchmark cost the server and its children.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ServerCpu {
    cpu_nanoseconds_per_iteration: f64,
}

impl ServerCpu {
    const FILE: &str = "server_cpu.json";

    /// So much time for so many iterations.
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

fn figures(directory: &Path, name: &str) -> Option<Figures> {
    let benchmark = directory.join("connection").join(name);
    let text = fs::read_to_string(benchmark.join("new/estimates.json")).ok()?;
    let estimates: Estimates = serde_json::from_str(&text).ok()?;
    Some(Figures {
        time: estimates.median.point_estimate,
        deviation: estimates.median_abs_dev.point_estimate,
        cpu: ServerCpu::read(&benchmark).map(|cpu| cpu.cpu_nanoseconds_per_iteration),
    })
}

/// The group `connection` as a table: a row a model, with what its comfort costs beside its bare
/// twin. Says what to run where there are no figures.
pub fn render(directory: &Path) -> String {
    let floor = figures(directory, "floor");
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = ["", "µs a connection", "to its bare twin", "to the floor", "server CPU, µs"];
    table.set_header(header);
    let names = MODELS.iter().map(|model| model.name).chain(["floor"]);
    for (name, row) in names.filter_map(|name| Some((name, figures(directory, name)?))) {
        let twin = figures(directory, &format!("{name}-bare"));
        let ratio = |to: Option<&Figures>| {
            to.map_or("-".to_owned(), |to| format!("{:.2}", row.time / to.time))
        };
        let time = format!("{} ± {}", short(row.time / 1e3), short(row.deviation / 1e3));
        let cpu = row.cpu.map_or("-".to_owned(), |cpu| short(cpu / 1e3));
        table.add_row([name.to_owned(), time, ratio(twin.as_ref()), ratio(floor.as_ref()), cpu]);
    }
    if table.is_empty() {
        return "There are no figures yet: cargo bench --bench connection\n".to_owned();
    }
    for cell in table.column_iter_mut().skip(1) {
        cell.set_cell_alignment(CellAlignment::Right);
    }
    let table = table.trim_fmt();
    format!("\nOne connection after the other: median ± median absolute deviation\n{table}\n")
}
