//! What runs the tasks.

use std::io;
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use server_core::Options;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// A runtime of `--workers` threads, or of the one that calls.
///
/// # Errors
///
/// When the system cannot start that many threads.
pub(crate) fn start(options: &Options) -> io::Result<Runtime> {
    let mut builder = match options.workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let workers = if options.workers == 1 { 0 } else { options.workers };
    require_threads(workers + usize::from(options.offload))?;
    let runtime = builder
        .worker_threads(options.workers)
        // Threads for computing are kept: where no other can be started, one does the work of all.
        .thread_keep_alive(Duration::MAX)
        .enable_all()
        .build()?;
    if options.offload {
        runtime.block_on(runtime.spawn_blocking(|| ())).map_err(io::Error::other)?;
    }
    Ok(runtime)
}

/// Starts this many threads, all at once, and ends them. A runtime would panic where one cannot start;
/// this returns an error.
fn require_threads(count: usize) -> io::Result<()> {
    let end = Mutex::new(());
    thread::scope(|scope| {
        let not_yet = end.lock();
        let wait = || drop(end.lock());
        let lacking = (1..=count).find_map(|number| {
            let error = thread::Builder::new().spawn_scoped(scope, wait).err()?;
            Some(io::Error::other(format!("cannot start thread {number} of {count}: {error}")))
        });
        drop(not_yet);
        lacking.map_or(Ok(()), Err)
    })
}

/// Is always due before a connection that waits for `longest`. Where a new timer is due before all others, the
/// runtime writes to itself, to look at its clock again: without this, each connection would cost that.
pub(crate) async fn keep_a_first_timer(longest: Duration) {
    loop {
        sleep(longest / 2).await;
    }
}

/// A listener that a task can wait for.
pub(crate) fn asynchronous(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
