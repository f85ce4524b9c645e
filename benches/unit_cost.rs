//! The bare price of each model's unit, without any network: a process, a thread, a hand-off to a
//! waiting worker, a task, the wake-up of a task.
//!
//! `cargo bench --bench unit_cost`

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark fails by a panic")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use crossbeam::channel;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const MIB: usize = 1 << 20;

fn main() {
    run_if_asked();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("unit_cost");
    group.warm_up_time(Duration::from_millis(500)).nresamples(20_000);
    group.measurement_time(Duration::from_secs(2));
    let mut apart = |name: &str, start: &dyn Fn() -> Apart| {
        let mut process = None;
        group.bench_function(name, |bencher| {
            let process = process.get_or_insert_with(start);
            bencher.iter_custom(|count| process.time(count));
        });
    };
    for ballast in [0, 64, 256] {
        apart(&format!("fork/parent_of_{ballast}_MiB"), &|| {
            Apart::start(this_program(), "fork", ballast)
        });
    }
    apart("thread/with_a_signal_stack", &|| Apart::start(this_program(), "thread", 0));
    apart("thread/as_in_our_servers", &|| {
        Apart::start(this_program_without_handlers(), "thread", 0)
    });
    let worker = Worker::start();
    group.bench_function("pool/to_a_waiting_worker_and_back", |bencher| {
        bencher.iter(|| worker.hand_over());
    });
    let runtime = runtime();
    group.bench_function("task/spawn_and_await", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(spawn_and_await(count)));
    });
    group.bench_function("task/wake_by_io_and_back", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(wake_by_io(count)));
    });
    group.finish();
    criterion.final_summary();
}

/// A process of its own that makes units: small, and with touched memory as asked.
struct Apart(Child);

impl Apart {
    fn start(mut program: Command, unit: &str, ballast: usize) -> Self {
        program
            .args(["apart", unit, &ballast.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Apart(program.spawn().expect("a process"))
    }

    /// How long it takes to make `count` units, one after the other.
    fn time(&mut self, count: u64) -> Duration {
        let input = self.0.stdin.as_mut().expect("a pipe");
        writeln!(input, "{count}").expect("a waiting process");
        let mut line = String::new();
        let output = self.0.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("an answer");
        Duration::from_nanos(line.trim_end().parse().expect("nanoseconds"))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("this program"))
}

/// With SIGSEGV and SIGBUS ignored: the standard library leaves them alone then, as it does in our
/// servers, and gives threads no signal stack.
fn this_program_without_handlers() -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' SEGV BUS; exec "$0" "$@""#]).arg(this_program().get_program());
    shell
}

/// What that process does: makes a unit and waits for its end, as often as each line of its input
/// says.
fn run_if_asked() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("apart") {
        return;
    }
    let make: fn() = match arguments.next().as_deref() {
        Some("fork") => fork_and_wait,
        _ => || thread::spawn(|| ()).join().expect("a thread"),
    };
    let ballast: usize = arguments.next().and_then(|it| it.parse().ok()).expect("a size");
    let touched = std::hint::black_box(vec![1_u8; ballast * MIB]);
    for line in std::io::stdin().lines() {
        let count: u64 = line.expect("a line").parse().expect("a number");
        let begin = Instant::now();
        (0..count).for_each(|_| make());
        println!("{}", begin.elapsed().as_nanos());
    }
    drop(touched);
    std::process::exit(0);
}

#[allow(unsafe_code)]
fn fork_and_wait() {
    // SAFETY: this process has one thread, so the child may run any code.
    match unsafe { fork() }.expect("a child") {
        // SAFETY: ends this process at once; what there is to clean up is the parent's.
        ForkResult::Child => unsafe { nix::libc::_exit(0) },
        ForkResult::Parent { child } => waitpid(child, None).expect("its end"),
    };
}

/// A thread that waits for work in a queue, as a pool's do, and a queue back.
struct Worker {
    work: channel::Sender<()>,
    done: channel::Receiver<()>,
}

impl Worker {
    fn start() -> Self {
        let (work, waiting) = channel::bounded(1);
        let (finished, done) = channel::bounded(1);
        thread::spawn(move || waiting.iter().try_for_each(|()| finished.send(())));
        Worker { work, done }
    }

    fn hand_over(&self) {
        self.work.send(()).expect("a worker");
        self.done.recv().expect("a worker");
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn spawn_and_await(count: u64) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        tokio::spawn(async {}).await.expect("a task");
    }
    begin.elapsed()
}

/// A byte to a task that waits for its socket, and its answer.
async fn wake_by_io(count: u64) -> Duration {
    let (mut here, mut there) = tokio::net::UnixStream::pair().expect("a pair of sockets");
    let task = tokio::spawn(async move {
        let mut byte = [0];
        while there.read_exact(&mut byte).await.is_ok() {
            there.write_all(&byte).await.expect("an open socket");
        }
    });
    let begin = Instant::now();
    let mut byte = [0];
    for _ in 0..count {
        here.write_all(&byte).await.expect("an open socket");
        here.read_exact(&mut byte).await.expect("an answer");
    }
    let elapsed = begin.elapsed();
    drop(here);
    task.await.expect("a task");
    elapsed
}
