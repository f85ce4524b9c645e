//! Servers under measurement, each in a process of its own, and what must not happen unseen.
//!
//! Logging is off. Servers and bare servers have the same backlog and socket options. In every connection
//! the server closes first, so that no port of the client's is held in TIME_WAIT.

use std::net::SocketAddr;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use lab::kernel::machine::listen_overflows;
use lab::measure::criterion::{ServerCpu, directory};
use lab::measure::lab::Lab;
use lab::models::{self, Contestant, MODELS};
use lab::servers::floor::MESSAGE_SIZE;
use server_core::CpuTime;

/// A message of the size that the floor expects.
pub(crate) const MESSAGE: [u8; MESSAGE_SIZE] = *b"sixteen bytes..\n";

/// Every model with its bare server beside it, and the floor.
pub(crate) fn contestants() -> Vec<Contestant> {
    let pairs = MODELS.iter().flat_map(|it| [Contestant::server(it), Contestant::bare(it)]);
    let (able, left_out) = models::without_obstacles(pairs.chain([Contestant::floor()]).collect());
    left_out.iter().for_each(|why| eprintln!("{why}"));
    able
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

/// Measures one contestant. `drive` puts the given number of iterations of a load on the server and returns how
/// long they took; between its calls it may keep what it likes in the `Warm` that it gets. The server
/// starts before that, and only if the benchmark was asked for. It ends after what is warm was
/// dropped, in good order, so that all that it used is charged to it.
pub(crate) fn measure<Warm>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    group_name: &str,
    contestant: &Contestant,
    parameter: Option<&str>,
    mut drive: impl FnMut(&mut Option<Warm>, SocketAddr, u64) -> Duration,
) {
    let lab = Lab::new(env!("CARGO_BIN_EXE_bench-server").into());
    let id = match parameter {
        Some(parameter) => BenchmarkId::new(&contestant.name, parameter),
        None => BenchmarkId::from_parameter(&contestant.name),
    };
    let before = CpuTime::of_children().expect("getrusage").total();
    let (mut server, mut warm, mut all) = (None, None, 0);
    group.bench_function(id, |bencher| {
        let server = server.get_or_insert_with(|| lab.start(contestant).expect("the server"));
        bencher.iter_custom(|iterations| {
            all += iterations;
            drive(&mut warm, server.address(), iterations)
        });
    });
    if let Some(server) = server {
        drop(warm);
        lab.stop(contestant, server).expect("a good end");
        let cpu = CpuTime::of_children().expect("getrusage").total() - before;
        let mut place = directory().join(group_name).join(&contestant.name);
        place.extend(parameter);
        ServerCpu::new(cpu, all).write(&place).expect("a place beside criterion's files");
    }
}
