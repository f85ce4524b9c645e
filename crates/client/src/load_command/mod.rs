//! `client load`: a load on any echo server, and a report of the result.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::DEFAULT_ADDRESS;
use server_core::{
    Addresses, Ending, SelfPipe, Shutdown, parse_addresses, parse_duration,
    parse_positive_duration, raise_open_file_limit, unless_read_enough,
};

use crate::conversation;
use crate::failure::FailureKind;
use crate::load::{Extent, Load, OnFailure, Outcome, Pace, Status, spare_threads};
use crate::output_file::OutputFile;

mod hdr;
mod record;
mod report;
mod summary;

/// Descriptors that this program needs beside one a connection.
const OTHER_FILES: u64 = 32;

/// What to put on which server.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadCommand {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS,
        value_parser = parse_addresses)]
    addr: Addresses,

    /// How many connections at a time
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    connections: usize,

    /// How long to measure
    #[arg(long, value_name = "DURATION", default_value = "10s",
        value_parser = parse_positive_duration)]
    duration: Duration,

    /// How long to send before measuring
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    warm_up: Duration,

    /// How long to wait before the first connection
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    delay_start: Duration,

    /// The size of a message, its line feed included (9 to 16777216)
    #[arg(long, value_name = "BYTES", default_value_t = 16,
        value_parser = RangedU64ValueParser::<usize>::new()
            .range(Load::SMALLEST_MESSAGE as u64..=1 << 24))]
    message_size: usize,

    /// Messages before a connection is closed and opened anew; without it, never
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    per_connection: Option<u64>,

    /// Open loop: this many messages are due each second over all connections, whatever the server
    /// does; without it, closed loop: each connection waits for an answer before it sends again
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    rate: Option<f64>,

    /// How long to wait for a connection or an answer before it counts as timed out
    #[arg(long, value_name = "DURATION", default_value = "10s",
        value_parser = parse_positive_duration)]
    timeout: Duration,

    /// How a connection leaves: `half-close` ends its own side, which any server understands;
    /// `bye` says Bye, and the server closes first
    #[arg(long, default_value = "half-close", value_parser = ["half-close", "bye"])]
    farewell: String,

    /// How many threads drive the connections, each its part of them [default: half of the CPUs, at least 1]
    #[arg(long, value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    threads: Option<usize>,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the latencies of all messages to this file, as a log of HdrHistogram's, which can be merged with that
    /// of another load
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,
}

impl LoadCommand {
    /// Puts the load on the server, with progress on standard error where that is a terminal, and
    /// prints the report on standard output. Blocks until then; Ctrl-C ends the measurement early
    /// and still reports.
    ///
    /// # Errors
    ///
    /// When the load cannot be put on, when an echo was wrong, or when none came.
    pub fn run(&self) -> anyhow::Result<()> {
        self.check_file_limit(raise_open_file_limit())?;
        // Before the work, so that a mistake in its name does not cost the whole run.
        let json = self.json.as_deref().map(OutputFile::create).transpose()?;
        let hdr = self.hdr.as_deref().map(OutputFile::create).transpose()?;
        let shutdown = Shutdown::get().context("cannot catch signals")?;
        wait_until(Instant::now() + self.delay_start, shutdown)?;
        // A server that is not there is reported at once, and not measured.
        let stream = conversation::connect(self.addr.clone(), self.timeout)?;
        // It may have reset the connection already: that is for the load to count.
        let server = stream.peer_addr().unwrap_or(self.addr.first());
        drop(stream);
        let load = self.load(server);
        let outcome = self.watch(&load, shutdown)?;
        ensure!(!outcome.elapsed.is_zero(), "interrupted before the measurement began");
        // First, since the reader of the report may have gone.
        if let Some(file) = hdr {
            file.write(&hdr::log(&outcome)?)?;
        }
        if let Some(file) = json {
            let record = record::Record::new(&load, &outcome);
            file.write(&(serde_json::to_string_pretty(&record)? + "\n"))?;
        }
        unless_read_enough(report::print(&load, &outcome)).context("cannot print the report")?;
        verdict(&outcome)
    }

    fn load(&self, server: SocketAddr) -> Load {
        let (warm_up, duration) = (self.warm_up, self.duration);
        Load {
            server,
            connections: self.connections,
            ramp: Duration::ZERO,
            messages_per_connection: self.per_connection,
            message_size: self.message_size,
            pace: self.rate.map_or(Pace::Closed, |rate| Pace::Open { messages_per_second: rate }),
            extent: Extent::Time { warm_up, duration },
            patience: self.timeout,
            farewell: if self.farewell == "bye" { Ending::Bye } else { Ending::EndOfInput },
            on_failure: OnFailure::Count,
            threads: self.threads.unwrap_or_else(spare_threads),
        }
    }

    fn check_file_limit(&self, limit: u64) -> anyhow::Result<()> {
        // Each thread asks the kernel in its own place.
        let threads = self.threads.unwrap_or_else(spare_threads).min(self.connections);
        let needed = (self.connections + threads) as u64 + OTHER_FILES;
        ensure!(
            needed <= limit,
            "{} connections need {needed} open files, and the hard limit is {limit}: raise it \
             (`ulimit -Hn {needed}` as root, then run this from the same shell)",
            self.connections
        );
        Ok(())
    }

    fn watch(&self, load: &Load, shutdown: &Shutdown) -> anyhow::Result<Outcome> {
        let tenths = (self.warm_up + self.duration).as_millis() / 100;
        let bar = ProgressBar::new(u64::try_from(tenths).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {elapsed}  {msg}") {
            bar.set_style(style);
        }
        let mut last = None;
        let outcome = load.run_watched(|status| {
            bar.set_position((status.elapsed.as_millis() / 100) as u64);
            bar.set_message(describe(status, last.replace(status)));
            if shutdown.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        bar.finish_and_clear();
        Ok(outcome?)
    }
}

fn wait_until(start: Instant, shutdown: &Shutdown) -> anyhow::Result<()> {
    let pipe = SelfPipe::new()?;
    pipe.waker().wake_on(Shutdown::signals())?;
    while Instant::now() < start {
        ensure!(!shutdown.requested(), "interrupted before the start");
        pipe.wait(Some(start))?;
    }
    Ok(())
}

/// What happened since the last look.
fn describe(now: Status, last: Option<Status>) -> String {
    let (before, messages) =
        last.map_or((Duration::ZERO, 0), |status| (status.elapsed, status.messages));
    let seconds = (now.elapsed - before).as_secs_f64();
    let rate = (now.messages - messages) as f64 / seconds.max(1e-3);
    format!("{rate:.0} messages/s, {} connections, {} errors", now.established, now.failures)
}

fn verdict(outcome: &Outcome) -> anyhow::Result<()> {
    let wrong = outcome.failures.count(FailureKind::WrongEcho);
    ensure!(wrong == 0, "the server answered wrongly ({wrong} times)");
    ensure!(!outcome.message_latency.is_empty(), "no message was answered");
    Ok(())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected messages per second, from 0.001 to 10000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_above_zero() {
        assert_eq!(parse_rate("2.5"), Ok(2.5));
        for wrong in ["", "0", "-1", "NaN", "inf", "1/s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong:?}");
        }
    }
}
