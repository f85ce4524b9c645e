//! Servers under measurement, each in a process of its own, and what must not happen unseen.
//!
//! Logging is off. Models and pages have the same backlog and socket options. In every connection
//! the server closes first, so that no port of the client's is held in TIME_WAIT.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use lab::bench_table::ServerCpu;
use lab::floor::MESSAGE_SIZE;
use lab::machine::listen_overflows;
use lab::models::MODELS;
use lab::server_process::{ServerProcess, serve_command};
use server_core::CpuTime;

/// A message of the size that the floor expects.
pub(crate) const MESSAGE: [u8; MESSAGE_SIZE] = *b"sixteen bytes..\n";

/// A server that takes part in a comparison.
pub(crate) struct Contestant {
    pub(crate) name: String,
    command: Command,
}

impl Contestant {
    /// The server of this model, with these options beside the lab's.
    pub(crate) fn model(name: &str, options: &[&str]) -> Self {
        let options = [&["--quiet"], options].concat();
        let command = serve_command(env!("CARGO_BIN_EXE_lab"), name, &options);
        Contestant { name: name.to_owned(), command }
    }

    /// The page of this model.
    pub(crate) fn bare(name: &str, options: &[&str]) -> Self {
        let options = [&["--bare"], options].concat();
        let command = serve_command(env!("CARGO_BIN_EXE_lab"), name, &options);
        Contestant { name: format!("{name}-bare"), command }
    }

    /// Every model with its page beside it, and the floor.
    pub(crate) fn all() -> Vec<Self> {
        let pair = |name| [Contestant::model(name, &[]), Contestant::bare(name, &[])];
        let pairs = MODELS.into_iter().flat_map(|model| pair(model.name));
        pairs.chain([Contestant::model("floor", &[])]).collect()
    }
}

/// A group of benchmarks that fails if a backlog overflowed during it: a client of an overflow
/// comes a second late, and the figure would be that second. A lack of local ports fails it too,
/// as every failure of a connection does.
pub(crate) fn group(
    criterion: &mut Criterion,
    name: &str,
    measure: impl FnOnce(&mut BenchmarkGroup<'_, WallTime>),
) {
    let before = listen_overflows();
    let mut group = criterion.benchmark_group(name);
    // The estimates are no better for the hundred thousand resamples that are usual.
    group.warm_up_time(Duration::from_millis(500)).nresamples(20_000);
    measure(&mut group);
    group.finish();
    let overflows = listen_overflows() - before;
    assert_eq!(overflows, 0, "{name}: backlogs overflowed, so its figures are worth nothing");
}

/// Measures one contestant. `drive` puts so many iterations of the load on the server and returns
/// how long they took. The server starts before that, and only if the benchmark was asked for.
pub(crate) fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    group_name: &str,
    contestant: Contestant,
    parameter: Option<&str>,
    mut drive: impl FnMut(SocketAddr, u64) -> Duration,
) {
    let Contestant { name, mut command } = contestant;
    let id = match parameter {
        Some(parameter) => BenchmarkId::new(&name, parameter),
        None => BenchmarkId::from_parameter(&name),
    };
    let before = CpuTime::of_children().expect("getrusage").total();
    let mut server = None;
    let mut all = 0;
    group.bench_function(id, |bencher| {
        let server = server.get_or_insert_with(|| start(&mut command));
        bencher.iter_custom(|iterations| {
            all += iterations;
            drive(server.address(), iterations)
        });
    });
    if let Some(server) = server {
        // The kernel charges a process's time to its parent at its end, with its children's.
        drop(server);
        let cpu = CpuTime::of_children().expect("getrusage").total() - before;
        let mut place = lab::bench_table::directory().join(group_name).join(&name);
        place.extend(parameter);
        ServerCpu::new(cpu, all).write(&place).expect("a place beside criterion's files");
    }
}

fn start(command: &mut Command) -> ServerProcess {
    let command = std::mem::replace(command, Command::new("true"));
    ServerProcess::start(command).expect("the server")
}
