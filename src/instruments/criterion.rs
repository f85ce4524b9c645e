//! What the benchmarks of a connection left in their files, side by side.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::models::{Contestant, MODELS};
use crate::pages::number::{NOTHING, short, short_or_nothing};
use crate::pages::section::Table;

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

/// The group `connection`: a row a model, with what its comfort costs beside its page. Nothing
/// where there are no figures.
pub fn table(directory: &Path) -> Option<Table> {
    let of = |name: &str| figures(directory, name);
    let floor = Contestant::floor().name;
    let to_floor = of(&floor);
    let row = |(name, page): (String, Option<String>)| {
        let row = of(&name)?;
        let ratio = |to: Option<&Figures>| {
            to.map_or(NOTHING.to_owned(), |to| format!("{:.2}", row.time / to.time))
        };
        let page = page.and_then(|page| of(&page));
        let cells = vec![
            format!("{} ± {}", short(row.time / 1e3), short(row.deviation / 1e3)),
            ratio(page.as_ref()),
            ratio(to_floor.as_ref()),
            short_or_nothing(row.cpu.map(|cpu| cpu / 1e3)),
        ];
        Some((name, cells))
    };
    let models = MODELS.iter().map(|it| {
        let (server, page) = (Contestant::server(it), Contestant::page(it));
        (server.name, Some(page.name))
    });
    let rows: Vec<_> = models.chain([(floor, None)]).filter_map(row).collect();
    let columns = ["µs a connection", "to its page", "to the floor", "server CPU, µs"];
    (!rows.is_empty()).then(|| Table {
        caption: "One connection after the other: median ± median absolute deviation".to_owned(),
        columns: columns.map(str::to_owned).into(),
        rows,
        legend:
            "page: the same model in src/bare.rs; floor: a server that only sends back what it \
                 reads."
                .to_owned(),
        ..Table::default()
    })
}
