//! Work that keeps a CPU busy.

use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tracing::info;

use crate::{Options, Shutdown, has_failed};

/// How long a drain's end may be passed: another thread that has seen it cuts the connection meanwhile,
/// and counts it.
const OTHERS_FIRST: Duration = Duration::from_millis(100);

/// Computes for a client until this thread has spent `--compute` of CPU time on it. Time in which the
/// kernel let others run instead does not count, so the more threads share a CPU, the longer each of
/// them takes. Blocks the thread until then, or until the connection has failed or a drain is over:
/// then no client waits for the result any more.
///
/// # Errors
///
/// When that happens, or the thread's clock cannot be read.
pub fn compute(stream: &impl AsFd, options: &Options) -> io::Result<()> {
    let (work, shutdown) = (options.compute, Shutdown::get()?);
    if work.is_zero() {
        return Ok(());
    }
    let (begin, end) = (Instant::now(), cpu_time_of_this_thread()? + work);
    while cpu_time_of_this_thread()? < end {
        if has_failed(stream) {
            return Err(ErrorKind::NotConnected.into());
        }
        let drain_end = shutdown.drain_end_if_begun(options.drain_timeout);
        if drain_end.is_some_and(|end| Instant::now() >= end + OTHERS_FIRST) {
            return Err(io::Error::other("cut while it was computed for, the drain is over"));
        }
        crunch();
    }
    let (work, within) = (humantime::format_duration(work), begin.elapsed());
    let microseconds = within.as_micros() as u64;
    info!(event = "computed", microseconds, "computed for {work} within {within:.0?}");
    Ok(())
}

/// What the kernel has charged to this thread: clock_gettime(2).
fn cpu_time_of_this_thread() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Some ten microseconds of arithmetic, optimised, that compilers do not leave out in practice.
fn crunch() {
    black_box((0..8192_u64).fold(0, |sum: u64, number| sum.rotate_left(5) ^ black_box(number)));
}

#[cfg(test)]
mod tests {
    use std::net::{self, TcpListener, TcpStream};

    use super::*;

    fn options(compute: &str) -> Options {
        let command = <Options as clap::Args>::augment_args(clap::Command::new("test"));
        let matches = command.get_matches_from(["test", "--compute", compute]);
        <Options as clap::FromArgMatches>::from_arg_matches(&matches).unwrap()
    }

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn it_takes_that_much_time_of_its_own_thread() {
        let (_client, stream) = connection();
        let before = cpu_time_of_this_thread().unwrap();
        compute(&stream, &options("20ms")).unwrap();
        let used = cpu_time_of_this_thread().unwrap() - before;
        assert!((20..40).contains(&used.as_millis()), "{used:?}");
    }

    #[test]
    fn it_ends_when_no_client_waits_for_it_any_more() {
        let (client, stream) = connection();
        stream.shutdown(net::Shutdown::Both).unwrap();
        client.shutdown(net::Shutdown::Both).unwrap();
        let error = compute(&stream, &options("1h")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    }
}
